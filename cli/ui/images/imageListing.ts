// Images of a run as rows of a table, as titles above pictures, and as the pictures.
import { MatyanError } from "../../../formats/error.ts";
import { contextText } from "../../../server/listing/contextText.ts";
import type { RunImage } from "../../../server/runImages.ts";
import type { Output } from "../../output.ts";
import { type Column, type Layout, layOut, type Row, tableLine, titleLine } from "../table.ts";
import { cutText, safeText } from "../text.ts";
import type { Drawing } from "./chooseProtocol.ts";
import { preparePicture } from "./picture.ts";
import { itermText, kittyText, sixelText } from "./protocols.ts";

const columns: readonly Column[] = [
  { title: "name", importance: 100, min: 8 },
  { title: "context", importance: 60, min: 8 },
  { title: "step", importance: 90, align: "right" },
  { title: "", importance: 40, align: "right" },
  { title: "size", importance: 70, align: "right" },
  { title: "format", importance: 50 },
  { title: "caption", importance: 80, min: 8 },
];
const blockRows = 500;

/** Prints rows as they come; the first block of them decides on the layout. */
export function imageTable(out: Output): { add(image: RunImage): void; end(): void } {
  let rows: Row[] = [];
  let layout: Layout | undefined;
  const cut = Number.isFinite(out.width);
  const end = () => {
    if (rows.length === 0) return;
    if (layout === undefined) {
      layout = layOut(columns, rows, out.width);
      out.line(titleLine(columns, layout, out.style, cut));
    }
    for (const row of rows) out.line(tableLine(columns, layout, row, cut));
    rows = [];
  };
  return {
    add: (image) => {
      rows.push(rowOf(image, out));
      if (rows.length >= blockRows) end();
    },
    end,
  };
}

function rowOf({ name, context, step, index, format, caption, ...size }: RunImage, { style }: Output): Row {
  return [
    { text: safeText(name), paint: style.yellow },
    safeText(contextText(context)),
    String(step),
    index === 0 ? "" : `#${index}`,
    sizeText(size),
    safeText(format),
    safeText(caption),
  ];
}

/** The title of a picture, on one line. */
export function imageLine(image: RunImage, out: Output): string {
  const { name, context, step, index, format, caption } = image;
  const head = `${name}${index === 0 ? "" : ` #${index}`}`;
  const rest = [`step ${step}`, contextText(context), sizeText(image), format, caption].filter((part) => part !== "");
  const title = cutText(safeText(head), out.columns);
  return `${out.style.yellow(title)}${cutText(safeText(`  ${rest.join("  ")}`), out.columns - title.length)}`;
}

function sizeText({ width, height }: Pick<RunImage, "width" | "height">): string {
  return width === undefined || height === undefined ? "" : `${width}x${height}`;
}

/** Files larger than this are not shown. */
const mostBytes = 100_000_000;
/** Lines of the screen that a picture leaves free: its title and what comes after it. */
const freeRows = 4;

/** What draws the picture. @throws MatyanError that names it when it can't be shown. */
export async function drawImage(
  image: RunImage,
  { protocol, cell, wrap, isPassed }: Drawing,
  out: Output,
): Promise<string> {
  const what = `'${image.name}' at step ${image.step}`;
  const bytes = await gather(image, what);
  const room = { columns: out.columns, rows: Math.max(4, out.rows - freeRows), cell };
  try {
    const picture = await preparePicture(bytes, room, protocol === "sixel");
    const name = `${image.name}-${image.step}.png`;
    const codes =
      protocol === "kitty"
        ? kittyText(picture)
        : [protocol === "iterm" ? itermText(picture, name) : sixelText(picture.png)];
    const text = codes.map(wrap).join("");
    // tmux knows nothing of what passes through it: room is made before, and the cursor put below.
    const { rows } = picture.cells;
    return isPassed ? `${"\n".repeat(rows)}\u001b[${rows}A${text}\u001b[${rows}B` : text;
  } catch (error) {
    if (!(error instanceof MatyanError)) throw error;
    throw new MatyanError(error.code, `${what}: ${error.message}`, { cause: error });
  }
}

async function gather(image: RunImage, what: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const file = await image.read();
  if (file === undefined) throw new MatyanError("not_found", `the file of ${what} is not stored`);
  for await (const piece of file) {
    size += piece.length;
    if (size > mostBytes) throw new MatyanError("too_large", `${what} is too large to be shown; -o DIR writes it`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
