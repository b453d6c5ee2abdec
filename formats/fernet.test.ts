// Fernet tokens against published vectors: the specification's own, and one of the existing backend (rest-api.md 3.1).
import { expect, test } from "bun:test";
import fc from "fast-check";
import { MatyanError } from "./error.ts";
import { Fernet } from "./fernet.ts";

const secret = "Juw5-cLlemQI2jAWvceOUB3_CrVfBmI99YIzkpGUXR4=";
const fernet = new Fernet(secret);
const iv = Uint8Array.from({ length: 16 }, (_, i) => i);

test("a token with a given time and vector is the existing backend's", () => {
  const token =
    "gAAAAABlU_EAAAECAwQFBgcICQoLDA0ODxruBp55Tsg7k83cyS5e8xJyiwJT2lo-3WFb-U5EyG4OW7Hh8vEYR0hFI8DioQGVa-cwoYsPfqUfG0C_78qi7aQ=";
  expect(fernet.encrypt("im1__seqs__7__i__5__2", { time: 1700000000, iv })).toBe(token);
  expect(fernet.decrypt(token)).toBe("im1__seqs__7__i__5__2");
});

test("the specification's own token is made and read", () => {
  const own = new Fernet("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=");
  const token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
  expect(own.encrypt("hello", { time: 499162800, iv })).toBe(token);
  expect(own.decrypt(token)).toBe("hello");
  expect(fernet.decrypt(token)).toBeUndefined();
});

test("equal texts have equal tokens, other texts and other secrets others", () => {
  const other = new Fernet("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string(), (text, another) => {
      const token = fernet.encrypt(text);
      expect(new Fernet(secret).encrypt(text)).toBe(token);
      expect(fernet.decrypt(token)).toBe(text);
      expect(other.encrypt(text)).not.toBe(token);
      expect(other.decrypt(token)).toBeUndefined();
      if (another !== text) expect(fernet.encrypt(another)).not.toBe(token);
    }),
  );
});

test("a token that was touched anywhere, or is none, reads as nothing", () => {
  const token = fernet.encrypt("hash__seqs__0__loss__1__0");
  for (let at = 0; at < token.length; at++) {
    const flipped = token[at] === "A" ? "B" : "A";
    const touched = token.slice(0, at) + flipped + token.slice(at + 1);
    // The last characters before the padding hold spare bits, which carry nothing.
    if (Buffer.compare(Buffer.from(touched, "base64url"), Buffer.from(token, "base64url")) !== 0)
      expect(fernet.decrypt(touched)).toBeUndefined();
  }
  for (const text of ["", "gAAA", "not a token", token.slice(0, -4), `${token}AAAA`, ` ${token}`])
    expect(fernet.decrypt(text)).toBeUndefined();
});

test("a secret that is none is refused without being shown", () => {
  for (const bad of ["", "short", "x".repeat(44), `${secret}=`]) {
    expect(() => new Fernet(bad)).toThrow(MatyanError);
    expect(() => new Fernet(bad)).toThrow(/^the secret of blob URIs is not the URL-safe base64 of 32 bytes$/);
  }
});
