// Colours of the terminal (the 16 that every theme sets), or none: then the text comes back as it is.

export type Paint = (text: string) => string;

export interface Style {
  readonly enabled: boolean;
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
  /** Colours for the lines of a chart: told apart on dark and light ground; the seventh line has the first colour again. */
  readonly series: (index: number) => Paint;
}

const seriesCodes = [36, 33, 35, 32, 34, 31] as const;

export function createStyle(enabled: boolean): Style {
  const paint =
    (open: number, close: number): Paint =>
    (text) =>
      enabled && text !== "" ? `\x1b[${open}m${text}\x1b[${close}m` : text;
  return {
    enabled,
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
    series: (index) => paint(seriesCodes[index % seriesCodes.length]!, 39),
  };
}
