// `matyan runs images`: the images of a run, listed, shown in the terminal, or written to files.
import { InvalidArgumentError } from "commander";
import { MatyanError, messageOf } from "../../formats/error.ts";
import { processEnvironment, readImageSettings } from "../../server/config.ts";
import { contextText } from "../../server/listing/contextText.ts";
import { parseMetric } from "../../server/listing/metricName.ts";
import type { ImageSelection, RunImage } from "../../server/runImages.ts";
import { openImagePlace } from "../client/imagePlace.ts";
import { fileNames, isThere, saveFile } from "../client/savedFiles.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { addFormatOption, inFormat, type TableFormat } from "../ui/csvOutput.ts";
import { chooseProtocol, type Drawing, type InlineChoice } from "../ui/images/chooseProtocol.ts";
import { drawImage, imageLine, imageTable } from "../ui/images/imageListing.ts";
import { imageProtocols } from "../ui/images/protocols.ts";
import { counted } from "../ui/numbers.ts";
import { defaultRows, rowLimit } from "../ui/runListing.ts";
import { collect, existingOption, parseCount } from "./options.ts";

interface Options {
  readonly name?: string[];
  readonly step: ImageSelection["steps"];
  readonly inline: InlineChoice;
  readonly limit?: number;
  readonly output?: string;
  readonly existing: "fail" | "skip" | "replace";
  readonly url?: string;
  readonly format: TableFormat;
}

const notes = `
Images are shown by terminals with the kitty graphics protocol (kitty, Ghostty, Konsole), with iTerm2's (iTerm2, WezTerm), or
with sixels (xterm, foot, mlterm, Windows Terminal, tmux built with them). The environment tells which, or the terminal when
it is asked. PNG, JPEG, GIF, WebP and BMP are shown; files are written as they were stored.`;

export const define: Define = (command) => {
  addFormatOption(command)
    .description("List the images of a run, and show them where the terminal can.")
    .argument("<hash>", "the run's hash, or a beginning of it that no other run shares")
    .option("--name <name>", "only images of this sequence, NAME or NAME{k=v}; repeatable", collect)
    .option("--step <n>", "which steps: N, last (of each sequence) or all", parseStep, "last")
    .addOption(
      command
        .createOption("--inline <how>", "how they are shown")
        .choices(["auto", ...imageProtocols, "none"])
        .default("auto"),
    )
    .option("--limit <n>", `at most so many, 0 for all (default: ${defaultRows}; with --json or -o all)`, parseCount)
    .option("-o, --output <dir>", "write the files below this folder")
    .addOption(existingOption())
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan runs images 3f9c1a20",
        "matyan runs images 3f9c1a20 --name samples --step all -o ./samples",
        'matyan runs images "$RUN" --step 100 --inline sixel --url http://localhost:53800',
      ),
    )
    .action(execute<[string], Options>(showImages));
};

function parseStep(text: string): ImageSelection["steps"] {
  if (text === "last" || text === "all") return text;
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError("It must be a step, last or all.");
  return BigInt(text);
}

const listedFields = ["name", "context", "step", "index", "format", "width", "height", "caption"];

async function showImages(given: Context, options: Options, run: string): Promise<void> {
  const fields = options.output === undefined ? listedFields : [...listedFields, "file"];
  const context = { ...given, out: inFormat(given.out, options.format, fields) };
  const { out, signal } = context;
  const chosen = await chooseProtocol(out, options.inline, readImageSettings(processEnvironment()));
  const drawing = typeof chosen === "string" ? undefined : chosen;
  await using place = await openImagePlace(run, { ...context, url: options.url });
  const asked = options.limit === undefined && options.output !== undefined ? 0 : options.limit;
  const limit = rowLimit(out, "table", asked);
  const found = place.list({ names: (options.name ?? []).map(parseMetric), steps: options.step });
  const table = imageTable(out);
  let shown = 0;
  let written = 0;
  let more = false;
  for await (const image of found) {
    signal.throwIfAborted();
    more = shown === limit;
    if (more) break;
    shown++;
    const file = options.output === undefined ? undefined : await writeImage(context, options, image);
    if (file !== undefined) written++;
    out.record({
      ...{ name: image.name, context: image.context, step: image.step, index: image.index, format: image.format },
      ...{ width: image.width ?? null, height: image.height ?? null, caption: image.caption },
      ...(options.output === undefined ? {} : { file: file ?? null }),
    });
    if (drawing === undefined) table.add(image);
    else await show(context, image, drawing);
  }
  table.end();
  if (shown === 0) throw nothingFound(place.hash, options);
  if (options.output !== undefined) out.info(`${counted(written, "image")} written to ${options.output}.`);
  if (out.quiet || out.json) return;
  const remarks = [
    ...(more ? [`The first ${counted(shown, "image")}; --limit 0 for all.`] : []),
    ...(typeof chosen === "string" && chosen !== "" && options.output === undefined ? [chosen] : []),
  ];
  for (const remark of remarks) out.rawError(`${out.errorStyle.dim(remark)}\n`);
}

async function show({ out }: Context, image: RunImage, drawing: Drawing): Promise<void> {
  out.line(imageLine(image, out));
  try {
    out.raw(`${await drawImage(image, drawing, out)}\n`);
  } catch (error) {
    if (!(error instanceof MatyanError)) throw error;
    out.warn(messageOf(error));
  }
}

/** The file that was written; undefined when it was there, or the image is not stored. */
async function writeImage(
  { out }: Context,
  { output, existing }: Options,
  image: RunImage,
): Promise<string | undefined> {
  const context = contextText(image.context);
  const extension = /^[a-z0-9]{1,8}$/.test(image.format) ? image.format : "bin";
  const path = [
    ...image.name.split("/"),
    ...(context === "" ? [] : [context.replaceAll("/", "_")]),
    `${image.step}${image.index === 0 ? "" : `-${image.index}`}.${extension}`,
  ].join("/");
  const { name } = fileNames([path])[0]!;
  const file = `${output!.replace(/\/+$/, "") || "/"}/${name}`;
  if (existing !== "replace" && (await isThere(file))) {
    if (existing === "skip") return undefined;
    throw new MatyanError("conflict", `'${file}' is there already`, {
      hint: "Name another folder with -o, or say --existing skip or replace.",
    });
  }
  const pieces = await image.read();
  if (pieces === undefined) {
    out.warn(`the file of '${image.name}' at step ${image.step} is not stored`);
    return undefined;
  }
  await saveFile(output!, name, pieces);
  return file;
}

function nothingFound(hash: string, { name, step }: Options): MatyanError {
  const which = name === undefined ? "" : ` named ${name.map((one) => `'${one}'`).join(" or ")}`;
  const when = typeof step === "bigint" ? ` at step ${step}` : "";
  return new MatyanError("not_found", `the run ${hash} has no images${which}${when}`, {
    hint: "Ask without --name and --step for what there is; `matyan runs show` lists its sequences.",
  });
}
