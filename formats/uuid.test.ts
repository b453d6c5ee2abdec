// Ids made of names: stable for ever, since archives and stores hold them. Digests from coreutils' sha256sum.
import { expect, test } from "bun:test";
import { uuidOf } from "./uuid.ts";

test("a text has one id, with the bits of its version and variant", () => {
  // sha256sum of "abc" begins with ba7816bf8f01cfea414140de5dae2223.
  expect(uuidOf("abc")).toBe("ba7816bf-8f01-8fea-8141-40de5dae2223");
  expect(uuidOf("abc", 4)).toBe("ba7816bf-8f01-4fea-8141-40de5dae2223");
});

test("other texts have other ids", () => {
  expect(new Set(["", "a", "b", "experiment a", "tag a"].map((text) => uuidOf(text))).size).toBe(5);
});
