// Event files as sources of bytes.
import { closeSync, openSync, readSync } from "node:fs";
import { MatyanError, messageOf } from "../../../formats/error.ts";
import type { ByteSource } from "../../../formats/tensorboard/source.ts";

export interface FileSource extends ByteSource, Disposable {}

/** @throws MatyanError `io` when the file cannot be opened or, later, read */
export function openFile(path: string): FileSource {
  const descriptor = attempt(path, () => openSync(path, "r"));
  return {
    read(offset, target) {
      let done = 0;
      while (done < target.length) {
        const got = attempt(path, () => readSync(descriptor, target, done, target.length - done, offset + done));
        if (got === 0) break;
        done += got;
      }
      return done;
    },
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new MatyanError("io", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
