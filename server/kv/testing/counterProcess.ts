// A process of its own that writes to a store another process uses too: `bun counterProcess.ts PATH TASK COUNT`.
// Prints a line for each acknowledged transaction.
import { openEmbedded } from "../embedded.ts";
import { bytes, textOf } from "./bytes.ts";

const [path, task, count] = process.argv.slice(2);
const database = await openEmbedded({ path: path!, durability: task === "blocks" ? "full" : "normal" });

/** Rows of one block: all of them or none must be there after a crash. */
const rowsOfBlock = 20;

for (let done = 0; done < Number(count); done++) {
  const value = await database.transact(async (tx) => {
    const next = Number(textOf((await tx.get(bytes("n"))) ?? bytes("0"))) + 1;
    tx.set(bytes("n"), bytes(String(next)));
    if (task === "blocks")
      for (let row = 0; row < rowsOfBlock; row++)
        tx.set(bytes(`block/${String(next).padStart(6, "0")}/${row}`), bytes(`${next}`.padEnd(500, ".")));
    return next;
  });
  process.stdout.write(`${value}\n`);
}
await database.close();
