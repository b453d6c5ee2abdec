// A drawing surface of braille dots: two across and four down in each character cell.

/** Bit of the dot in column x (0-1), row y (0-3) of a cell (Unicode block U+2800). */
const dotBits = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

export class BrailleCanvas {
  /** Size in cells. */
  readonly columns: number;
  readonly rows: number;
  readonly #dots: Uint8Array;
  /** Which layer drew last in a cell, plus one; 0 is nothing. */
  readonly #layers: Uint16Array;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.#dots = new Uint8Array(columns * rows);
    this.#layers = new Uint16Array(columns * rows);
  }

  get width(): number {
    return this.columns * 2;
  }

  get height(): number {
    return this.rows * 4;
  }

  /** Sets one dot; (0, 0) is top left. Outside the canvas nothing happens. */
  dot(x: number, y: number, layer: number): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const cell = (y >> 2) * this.columns + (x >> 1);
    this.#dots[cell]! |= dotBits[x & 1]![y & 3]!;
    this.#layers[cell] = layer + 1;
  }

  /** A straight line of dots between two dots that lie on the canvas (Bresenham's algorithm). */
  line(fromX: number, fromY: number, toX: number, toY: number, layer: number): void {
    const stepX = Math.sign(toX - fromX);
    const stepY = Math.sign(toY - fromY);
    const spanX = Math.abs(toX - fromX);
    const spanY = Math.abs(toY - fromY);
    let error = spanX - spanY;
    let x = fromX;
    let y = fromY;
    for (;;) {
      this.dot(x, y, layer);
      if (x === toX && y === toY) return;
      const doubled = error * 2;
      if (doubled > -spanY) {
        error -= spanY;
        x += stepX;
      }
      if (doubled < spanX) {
        error += spanX;
        y += stepY;
      }
    }
  }

  /** The cell's character and the layer that drew there last (-1: none, a space). */
  cell(column: number, row: number): { readonly character: string; readonly layer: number } {
    const index = row * this.columns + column;
    const dots = this.#dots[index]!;
    return { character: dots === 0 ? " " : String.fromCharCode(0x2800 + dots), layer: this.#layers[index]! - 1 };
  }
}
