// Durations as people write them.

/** Seconds of a unit, by its short and long names. */
const units: readonly (readonly [names: RegExp, seconds: number])[] = [
  [/^(s|sec|secs|seconds?)$/, 1],
  [/^(m|min|mins|minutes?)$/, 60],
  [/^(h|hr|hrs|hours?)$/, 3_600],
  [/^(d|days?)$/, 86_400],
  [/^(w|weeks?)$/, 604_800],
];

const part = /(\d+(?:\.\d+)?)\s*([a-z]+)/gi;

/** `24h`, `1h30m`, `90 min`, `2 days`: seconds; undefined for anything else. A number alone says no unit. */
export function parseDuration(text: string): number | undefined {
  const written = text.trim().toLowerCase();
  if (!/^(\d+(?:\.\d+)?\s*[a-z]+[\s,]*)+$/.test(written)) return undefined;
  let seconds = 0;
  for (const [, number, unit] of written.matchAll(part)) {
    const known = units.find(([names]) => names.test(unit!));
    if (known === undefined) return undefined;
    seconds += Number(number) * known[1];
  }
  return seconds;
}
