// Test support: bytes as hex, and errors as values.
import { MatyanError } from "./error.ts";

export function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}

/** What `run` throws as a MatyanError; anything else, or nothing, fails the test. */
export function refusal(run: () => unknown): MatyanError {
  try {
    run();
  } catch (error) {
    if (error instanceof MatyanError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
