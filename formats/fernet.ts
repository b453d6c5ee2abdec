// Fernet tokens, the form of blob URIs (rest-api.md 3.1; the public Fernet specification): AES-128-CBC under HMAC-SHA256.
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto";
import { MatyanError } from "./error.ts";

const version = 0x80;
const ivAt = 9;
const cipherAt = 25;
const macBytes = 32;

export interface SealOptions {
  /** Whole seconds since the epoch; 0 by default, so that equal texts have equal tokens. */
  readonly time?: number;
  /** 16 bytes; by default made of the text under the signing key. */
  readonly iv?: Uint8Array;
}

/** One secret's tokens. Make it once per secret: it holds the prepared keys. */
export class Fernet {
  readonly #signing: KeyObject;
  readonly #encryption: KeyObject;

  /** @param secret URL-safe base64 of 32 bytes. @throws MatyanError `usage` otherwise, without showing it. */
  constructor(secret: string) {
    const key = fromBase64(secret);
    if (key?.length !== 32)
      throw new MatyanError("usage", "the secret of blob URIs is not the URL-safe base64 of 32 bytes", {
        hint: "Make one: head -c 32 /dev/urandom | base64 | tr '+/' '-_'",
      });
    this.#signing = createSecretKey(key.subarray(0, 16));
    this.#encryption = createSecretKey(key.subarray(16));
  }

  /**
   * The token of a text. The same text always gives the same token (unlike with the Fernet of other languages, which read
   * ours all the same), so that whoever caches by token finds it again. That equal texts look equal is all it gives away.
   */
  encrypt(text: string, options: SealOptions = {}): string {
    const plain = Buffer.from(text, "utf8");
    const iv = options.iv ?? createHmac("sha256", this.#signing).update("iv:").update(plain).digest().subarray(0, 16);
    const cipher = createCipheriv("aes-128-cbc", this.#encryption, iv);
    const head = Buffer.alloc(cipherAt);
    head[0] = version;
    head.writeBigUInt64BE(BigInt(options.time ?? 0), 1);
    head.set(iv, ivAt);
    const signed = Buffer.concat([head, cipher.update(plain), cipher.final()]);
    const mac = createHmac("sha256", this.#signing).update(signed).digest();
    const token = Buffer.concat([signed, mac]).toString("base64");
    return token.replaceAll("+", "-").replaceAll("/", "_");
  }

  /** The text of a token, or undefined when it was not made with this secret. Its time is not looked at. */
  decrypt(token: string): string | undefined {
    const bytes = fromBase64(token);
    if (bytes === undefined || bytes.length < cipherAt + 16 + macBytes || bytes[0] !== version) return undefined;
    const macAt = bytes.length - macBytes;
    if ((macAt - cipherAt) % 16 !== 0) return undefined;
    const mac = createHmac("sha256", this.#signing).update(bytes.subarray(0, macAt)).digest();
    if (!timingSafeEqual(mac, bytes.subarray(macAt))) return undefined;
    const decipher = createDecipheriv("aes-128-cbc", this.#encryption, bytes.subarray(ivAt, cipherAt));
    try {
      return strict.decode(Buffer.concat([decipher.update(bytes.subarray(cipherAt, macAt)), decipher.final()]));
    } catch {
      return undefined; // signed, but not by a Fernet: bad padding, or bytes that are no text
    }
  }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** URL-safe base64 with its padding; undefined for anything else, which `Buffer` would read around. */
function fromBase64(text: string): Buffer | undefined {
  return /^[A-Za-z0-9_-]+={0,2}$/.test(text) && text.length % 4 === 0 ? Buffer.from(text, "base64url") : undefined;
}
