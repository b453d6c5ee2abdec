// Blob URIs: tokens that name one item of one point of a sequence (rest-api.md 3.1).
import { Fernet } from "../../formats/fernet.ts";

export interface BlobPlace {
  readonly hash: string;
  readonly contextId: number;
  readonly name: string;
  readonly step: bigint;
  /** Position in the stored list. */
  readonly index: number;
}

const separator = "__seqs__";
const placePattern = /^(-?\d{1,20})__(.*)__(-?\d{1,20})__(\d{1,9})$/s;

/** Makes and reads the tokens of one secret. Equal places have equal tokens, so that the UI's cache by URI works. */
export class BlobUris {
  readonly #fernet: Fernet;

  /** @throws MatyanError `usage` for a secret that is none. */
  constructor(secret: string) {
    this.#fernet = new Fernet(secret);
  }

  uri({ hash, contextId, name, step, index }: BlobPlace): string {
    return this.#fernet.encrypt(`${hash}${separator}${contextId}__${name}__${step}__${index}`);
  }

  /** The place, or undefined for text that is no token of ours. The hash ends at the first separator. */
  parse(uri: string): BlobPlace | undefined {
    const text = this.#fernet.decrypt(uri);
    const at = text?.indexOf(separator) ?? -1;
    if (text === undefined || at < 0) return undefined;
    const match = placePattern.exec(text.slice(at + separator.length));
    if (match === null) return undefined;
    const [, contextId, name, step, index] = match;
    return {
      hash: text.slice(0, at),
      contextId: Number(contextId),
      name: name ?? "",
      step: BigInt(step ?? 0),
      index: Number(index),
    };
  }
}
