// The SQL of the engine; what is said of speed was measured with scripts/bench/kv.ts and its kind.

export const createTable = "CREATE TABLE kv(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID";

/** 50 rows in one statement cost about two thirds of 50 statements; more gain nothing. */
export const rowsPerStatement = 50;
export const setRows = ofCount((count) => `REPLACE INTO kv(k, v) VALUES ${list(count, "(?, ?)")}`);
export const clearKeys = ofCount((count) => `DELETE FROM kv WHERE k IN (${list(count, "?")})`);
export const clearKeysBetween = "DELETE FROM kv WHERE k >= ? AND k < ?";

/**
 * Reads ask for one thing a statement: inside a transaction, statements of 50 seeks were no faster. The reader stops by
 * itself, since a bound LIMIT makes SQLite prepare the statement anew each time (3 us; a literal one does not).
 */
export const valueOfKey = "SELECT v FROM kv WHERE k = ?";
export const forwards = "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k";
export const backwards = "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k DESC";
export const first = `${forwards} LIMIT 1`;
export const last = `${backwards} LIMIT 1`;

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
