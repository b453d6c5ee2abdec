// References between the parts of an archive: runs to experiments and tags, dashboards to apps, notes to runs.
import type { FaultList } from "./faults.ts";

interface Reference {
  readonly kind: string;
  readonly id: string;
  readonly file: string;
  readonly line: number | undefined;
  count: number;
}

/** Remembers each thing and each reference once, whichever comes first in the archive. */
export class Links {
  readonly #known = new Map<string, Set<string>>();
  readonly #references = new Map<string, Reference>();

  /** There is a `kind` of this id. Returns false when there was one already. */
  add(kind: string, id: string): boolean {
    let ids = this.#known.get(kind);
    if (ids === undefined) {
      ids = new Set();
      this.#known.set(kind, ids);
    }
    if (ids.has(id)) return false;
    ids.add(id);
    return true;
  }

  /** `file` speaks of a `kind` by its id. */
  refer(kind: string, id: string, file: string, line?: number): void {
    const key = `${kind} ${id}`;
    const reference = this.#references.get(key);
    if (reference === undefined) this.#references.set(key, { kind, id, file, line, count: 1 });
    else reference.count++;
  }

  /** Warns of references to what is not in the archive. `ignore` names a kind whose absence means nothing. */
  check(faults: FaultList, ignore: string | undefined): void {
    for (const { kind, id, file, line, count } of this.#references.values()) {
      if (kind === ignore || this.#known.get(kind)?.has(id)) continue;
      const times = count === 1 ? "" : ` (${count} references)`;
      faults.warning(file, "unknown-reference", `${kind} ${JSON.stringify(id)} is not in the archive${times}`, line);
    }
  }
}
