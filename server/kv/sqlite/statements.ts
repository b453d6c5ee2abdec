// The SQL of the engine. A statement of many rows or seeks is worth its length: measured by scripts/bench/kv.ts.

export const createTable = "CREATE TABLE kv(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID";

/** 50 rows in one statement cost about two thirds of 50 statements; more gain nothing. */
export const rowsPerStatement = 50;
export const setRows = ofCount((count) => `REPLACE INTO kv(k, v) VALUES ${list(count, "(?, ?)")}`);
export const clearKeys = ofCount((count) => `DELETE FROM kv WHERE k IN (${list(count, "?")})`);
export const clearKeysBetween = "DELETE FROM kv WHERE k >= ? AND k < ?";

export const forwards = "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k LIMIT ?";
export const backwards = "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k DESC LIMIT ?";

/** 50 look-ups in one statement cost half of 50 statements, 50 seeks two thirds. */
export const seeksPerStatement = 50;
/** One row: the value of each key, null where there is none, as columns in the order asked. */
export const valuesOfKeys = ofCount((count) => `SELECT ${list(count, "(SELECT v FROM kv WHERE k = ?)")}`);
/** A row (index of the range, k, v) for each range that is not empty. */
export const firstOfRanges = ofCount((count) => seeks(count, "ORDER BY k"));
export const lastOfRanges = ofCount((count) => seeks(count, "ORDER BY k DESC"));

function seeks(count: number, order: string): string {
  const seek = (index: number) =>
    `SELECT * FROM (SELECT ${index}, k, v FROM kv WHERE k >= ? AND k < ? ${order} LIMIT 1)`;
  return Array.from({ length: count }, (_, index) => seek(index)).join(" UNION ALL ");
}

function list(count: number, item: string): string {
  return Array.from({ length: count }, () => item).join(", ");
}

/** The text for each count is built once: statements are found by their text. */
function ofCount(build: (count: number) => string): (count: number) => string {
  const built: (string | undefined)[] = [];
  return (count) => {
    let text = built[count];
    if (text === undefined) {
      text = build(count);
      built[count] = text;
    }
    return text;
  };
}
