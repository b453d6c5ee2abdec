import { expect, test } from "bun:test";
import fc from "fast-check";
import { SharedRead } from "./sharedRead.ts";

test("who asks together shares a read, and who asks sees what was written before", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom("ask", "write", "wait", "tick"), { maxLength: 60 }), async (acts) => {
      let stored = 0;
      let reads = 0;
      const shared = new SharedRead(async () => {
        reads++;
        const seen = stored;
        await Promise.resolve();
        return seen;
      });
      const asked: { readonly least: number; readonly answer: Promise<number> }[] = [];
      for (const act of acts)
        if (act === "ask") asked.push({ least: stored, answer: shared.read() });
        else if (act === "write") stored++;
        else if (act === "wait") await new Promise((resolve) => setImmediate(resolve));
        else await Promise.resolve();
      for (const { least, answer } of asked) expect(await answer).toBeGreaterThanOrEqual(least);
      expect(reads).toBeLessThanOrEqual(asked.length);
    }),
  );
});

test("a hundred who ask at once cost one read; a failure is told to all of them and to nobody after", async () => {
  let reads = 0;
  const shared = new SharedRead(async () => {
    if (++reads === 1) throw new Error("the first one fails");
    return reads;
  });
  const ask = () => Promise.allSettled(Array.from({ length: 100 }, () => shared.read()));
  expect((await ask()).every(({ status }) => status === "rejected")).toBe(true);
  expect((await ask()).every((answer) => answer.status === "fulfilled" && answer.value === 2)).toBe(true);
});
