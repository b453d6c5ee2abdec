// Blob URIs against the token that the existing backend makes (rest-api.md 3.1).
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Fernet } from "../../formats/fernet.ts";
import { apiDefaults } from "../config.ts";
import { isOwnKey } from "./blobBatch.ts";
import { BlobUris } from "./blobUri.ts";

const uris = new BlobUris(apiDefaults.blobUriSecret);

test("a token of the existing backend is read", () => {
  const token =
    "gAAAAABlU_EAAAECAwQFBgcICQoLDA0ODxruBp55Tsg7k83cyS5e8xJyiwJT2lo-3WFb-U5EyG4OW7Hh8vEYR0hFI8DioQGVa-cwoYsPfqUfG0C_78qi7aQ=";
  expect(uris.parse(token)).toEqual({ hash: "im1", contextId: 7, name: "i", step: 5n, index: 2 });
});

test("any place is read back, names with underscores and separators too", () => {
  const name = fc.oneof(fc.string(), fc.constantFrom("a__b", "__seqs__", "a__1__2", "", "ключ\n__"));
  const place = fc.record({
    hash: fc.stringMatching(/^[a-z0-9-]{1,40}$/),
    contextId: fc.nat(2 ** 32 - 1),
    name: name.map((text) => text.toWellFormed()),
    step: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    index: fc.nat(999_999_999),
  });
  fc.assert(fc.property(place, (given) => expect(uris.parse(uris.uri(given))).toEqual(given)));
});

test("what is no token of ours, or says no place, is none", () => {
  const other = new BlobUris(Buffer.alloc(32, 7).toString("base64url").padEnd(44, "="));
  const place = { hash: "h", contextId: 0, name: "n", step: 1n, index: 0 };
  const fernet = new Fernet(apiDefaults.blobUriSecret);
  const texts = ["", "no separator", "h__seqs__x__n__1__0", "h__seqs__0__n__one__0", "h__seqs__0__n__1", "h__seqs__"];
  for (const token of ["", "x", other.uri(place), ...texts.map((text) => fernet.encrypt(text))])
    expect(uris.parse(token)).toBeUndefined();
});

test("a run's own keys are those below its hash", () => {
  expect(isOwnKey("abc/seq/i/0.png", "abc")).toBe(true);
  expect(isOwnKey("artifacts/abc/i.png", "abc")).toBe(true);
  for (const key of ["abcd/i.png", "abc", "secret/abc/i.png", "artifacts/abcd/i.png", "/abc/i.png"])
    expect(isOwnKey(key, "abc")).toBe(false);
});
