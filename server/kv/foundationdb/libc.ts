// What is needed of the C library beside the client library: a thread for its network loop, and copies of its memory.
import { dlopen } from "bun:ffi";

// glibc has all of it in libc.so.6 since 2.34; before, threads and dlsym were libraries of their own.
const candidates =
  process.platform === "darwin" ? [["libSystem.B.dylib"]] : [["libc.so.6"], ["libpthread.so.0", "libdl.so.2"]];

function openLibc(threads: string, loader: string) {
  const { pthread_create, pthread_join } = dlopen(threads, {
    pthread_create: { args: ["ptr", "ptr", "ptr", "ptr"], returns: "i32" },
    pthread_join: { args: ["u64", "ptr"], returns: "i32" },
  }).symbols;
  const { dlsym } = dlopen(loader, { dlsym: { args: ["ptr", "ptr"], returns: "ptr" } }).symbols;
  const { dlopen: open } = dlopen(loader, { dlopen: { args: ["ptr", "i32"], returns: "ptr" } }).symbols;
  const { memcpy } = dlopen(candidates[0]![0]!, { memcpy: { args: ["ptr", "ptr", "usize"], returns: "ptr" } }).symbols;
  return { pthread_create, pthread_join, dlsym, dlopen: open, memcpy };
}

export type Libc = ReturnType<typeof openLibc>;

export function loadLibc(): Libc {
  let failure: unknown;
  for (const [threads, loader = threads] of candidates)
    try {
      return openLibc(threads!, loader!);
    } catch (error) {
      failure = error;
    }
  throw failure;
}
