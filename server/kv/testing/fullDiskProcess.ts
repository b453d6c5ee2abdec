// Writes to the store PATH until that fails, then reads all and reports as JSON: `bun fullDiskProcess.ts PATH`.
// Its parent limits the size of files.
import { MatyanError } from "../../../formats/error.ts";
import { openEmbedded } from "../embedded.ts";
import { bytes, scan } from "./bytes.ts";

export interface FullDiskReport {
  readonly code: string;
  readonly message: string;
  /** Rows of acknowledged transactions, and rows read back afterwards. */
  readonly acknowledged: number;
  readonly rows: number;
}

const database = await openEmbedded({ path: process.argv[2]!, durability: "full" });
let acknowledged = 0;
try {
  for (;;) {
    await database.transact(async (tx) => {
      for (let row = 0; row < 10; row++) tx.set(bytes(`${acknowledged}/${row}`), new Uint8Array(20_000));
    });
    acknowledged += 10;
  }
} catch (error) {
  if (!(error instanceof MatyanError)) throw error;
  const rows = await database.snapshot((tx) => scan(tx));
  const report: FullDiskReport = { code: error.code, message: error.message, acknowledged, rows: rows.length };
  console.log(JSON.stringify(report));
}
await database.close();
