// Whether a process that left its id in a file or a record is still there.
import { readFileSync, readlinkSync } from "node:fs";
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

/** Whether a process of `processSpace` is there, and not only its entry which nobody has taken away. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (hasCode(error, "ESRCH")) return false; // EPERM: it lives, as somebody else's.
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false; // Another system, or it ended just now.
  }
}
