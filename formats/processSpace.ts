// Whether a process that left its id in a file or a record is still there.
import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { hasCode } from "./archive/fileSink.ts";

/** Where process ids mean the same, as 8 hex digits: one machine, and there one container. Folders may be shared beyond it. */
export const processSpace = new Bun.CryptoHasher("sha256")
  .update(`${hostname()} ${pidNamespace()}`)
  .digest("hex")
  .slice(0, 8);

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return ""; // Only Linux has them.
  }
}

/** Whether a process of `processSpace` is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, "ESRCH"); // EPERM: it lives, as somebody else's.
  }
}
