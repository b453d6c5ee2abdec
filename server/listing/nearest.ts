// Names close to a mistyped one, for errors that say what was probably meant.

/**
 * The candidates by how well they match `word`, best first; those that are no likely meaning are left out.
 * Case does not count; a candidate that starts with the word, or contains it, is likely. At most `count`.
 */
export function nearestNames(word: string, candidates: Iterable<string>, count = 3): string[] {
  return rankNames(word, candidates)
    .filter(({ likely }) => likely)
    .slice(0, count)
    .map(({ name }) => name);
}

/** All candidates, nearest first: for lists of what there is. */
export function byNearness(word: string, candidates: Iterable<string>): string[] {
  return rankNames(word, candidates).map(({ name }) => name);
}

/** Longest part of a name that is compared: names of a kilobyte must not cost a megabyte of work. */
const comparedLength = 100;

function rankNames(word: string, candidates: Iterable<string>): { name: string; likely: boolean }[] {
  const wanted = word.toLowerCase().slice(0, comparedLength);
  return [...new Set(candidates)]
    .map((name) => {
      const given = name.toLowerCase().slice(0, comparedLength);
      const distance = editDistance(wanted, given);
      const part = wanted.length >= 2 && (given.includes(wanted) || (given.length >= 2 && wanted.includes(given)));
      const near = distance <= Math.max(1, Math.round(Math.max(wanted.length, given.length) * 0.4));
      // A containing name is about one slip away, whatever its length.
      return { name, likely: part || near, distance: part ? Math.min(distance, 1.5) : distance };
    })
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        best = Math.min(best, older[column - 2]! + 1);
      current.push(best);
    }
    older = previous;
    previous = current;
  }
  return previous[b.length]!;
}
