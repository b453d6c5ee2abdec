// A process of its own on FoundationDB: `bun fdbProcess.ts TASK`, for what happens at a process's end.
import { bytes } from "./bytes.ts";
import { openTestCluster } from "./foundationdb.ts";

const database = await openTestCluster();
const found = await database.snapshot((tx) => tx.get(bytes("no such key")));
if (found !== undefined) throw new Error("there is such a key");
process.stdout.write("read\n");
switch (process.argv[2]) {
  case "leave":
    // Neither closes the database nor ends the process: nothing of ours may keep it alive.
    break;
  case "exit": {
    const reading = database.snapshot(async (tx) => {
      for (;;) await tx.get(bytes("no such key"));
    });
    reading.catch(() => undefined);
    setTimeout(() => process.exit(3), 20);
    break;
  }
  case "throw":
    setTimeout(() => {
      throw new Error("the process's own");
    }, 20);
    break;
}
