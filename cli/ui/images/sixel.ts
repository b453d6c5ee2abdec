// Pictures of at most 256 colours as sixels (DEC STD 070; VT330/VT340 Programmer Reference Manual, chapter 14): colours are
// registers, a character is six pixels below each other in one of them.

export interface IndexedPicture {
  readonly width: number;
  readonly height: number;
  /** Row by row, one byte a pixel: which colour. */
  readonly pixels: ArrayLike<number>;
  /** Red, green and blue of 0 to 255; undefined for what is transparent. */
  readonly colors: readonly (readonly [number, number, number] | undefined)[];
}

const bandHeight = 6;

/** The escape sequence that draws the picture at the cursor; what is transparent keeps the ground. Plain loops: pixels are many. */
export function encodeSixel({ width, height, pixels, colors }: IndexedPicture): string {
  const percent = (level: number) => Math.round((level * 100) / 255);
  const registers = colors.map((color, i) => (color === undefined ? "" : `#${i};2;${color.map(percent).join(";")}`));
  const bands: string[] = [];
  // Of each colour the bits of each column in the band at hand.
  const bits = colors.map(() => new Uint8Array(width));
  for (let top = 0; top < height; top += bandHeight) {
    const used = new Set<number>();
    for (let y = top; y < Math.min(height, top + bandHeight); y++)
      for (let x = 0; x < width; x++) {
        const color = pixels[y * width + x]!;
        if (colors[color] === undefined) continue;
        used.add(color);
        bits[color]![x]! |= 1 << (y - top);
      }
    bands.push(
      [...used]
        .map((color) => {
          const line = `#${color}${runsOf(bits[color]!)}`;
          bits[color]!.fill(0);
          return line;
        })
        .join("$"),
    );
  }
  return `\u001bP0;1;0q"1;1;${width};${height}${registers.join("")}${bands.join("-")}\u001b\\`;
}

/** The characters of a line; more than three equal ones as a count. What is empty at its end is left out. */
function runsOf(columns: Uint8Array): string {
  let end = columns.length;
  while (end > 0 && columns[end - 1] === 0) end--;
  let text = "";
  for (let from = 0; from < end; ) {
    let to = from + 1;
    while (to < end && columns[to] === columns[from]) to++;
    const character = String.fromCharCode(63 + columns[from]!);
    text += to - from > 3 ? `!${to - from}${character}` : character.repeat(to - from);
    from = to;
  }
  return text;
}
