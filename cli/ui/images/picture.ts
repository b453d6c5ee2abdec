// A stored image made ready for a terminal: decoded, no larger than the screen, as a PNG.
import { MatyanError, messageOf } from "../../../formats/error.ts";

/** Pixels of a cell. */
export interface CellSize {
  readonly width: number;
  readonly height: number;
}

export interface Room {
  readonly columns: number;
  readonly rows: number;
  readonly cell: CellSize;
}

export interface Picture {
  readonly png: Uint8Array;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** The cells that it takes. */
  readonly cells: { readonly columns: number; readonly rows: number };
}

/** Larger pictures would take more memory than they are worth: 100 million pixels are 400 MB. */
const mostPixels = 100_000_000;
/** A picture smaller than this, such as a digit of MNIST, is shown larger, pixel by pixel. */
const smallSide = 64;

/**
 * PNG, JPEG, GIF (its first frame), WebP and BMP. Keeps the proportions and fits into `room`.
 * @param isIndexed whether the PNG has a palette, of at most 256 colours
 * @throws MatyanError `unsupported` or `corrupt` that says why it can't be shown
 */
export async function preparePicture(
  bytes: Uint8Array,
  { columns, rows, cell }: Room,
  isIndexed = false,
): Promise<Picture> {
  const limits = { maxPixels: mostPixels };
  try {
    const source = new Bun.Image(bytes, limits);
    const { width, height } = await source.metadata();
    const room = { width: columns * cell.width, height: rows * cell.height };
    const fit = Math.min(room.width / width, room.height / height);
    const enlarged = Math.max(1, Math.min(8, Math.floor(smallSide / Math.max(width, height)), Math.floor(fit)));
    const scale = fit < 1 ? fit : enlarged;
    const size = { width: pixels(width * scale), height: pixels(height * scale) };
    const filter = scale < 1 ? "lanczos3" : "nearest";
    const resized = new Bun.Image(bytes, limits).resize(size.width, size.height, { filter });
    const png = await resized.png(isIndexed ? { palette: true, colors: 256, dither: true } : {}).bytes();
    const cells = { columns: Math.ceil(size.width / cell.width), rows: Math.ceil(size.height / cell.height) };
    return { png, ...size, cells };
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code;
    if (typeof code !== "string" || !code.startsWith("ERR_IMAGE_")) throw error;
    const isFormat = code === "ERR_IMAGE_FORMAT_UNSUPPORTED" || code === "ERR_IMAGE_UNKNOWN_FORMAT";
    throw new MatyanError(isFormat ? "unsupported" : "corrupt", `it can't be shown: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function pixels(length: number): number {
  return Math.max(1, Math.round(length));
}
