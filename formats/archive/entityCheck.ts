// Checks entities.jsonl as it streams by (backup-convert.md 1.6).
import { MatyanError } from "../error.ts";
import type { ValueMap } from "../value.ts";
import { parseEntity } from "./entityLine.ts";
import type { FaultList } from "./faults.ts";
import { type FileCheck, LinesCheck } from "./fileCheck.ts";
import { entitiesName } from "./layout.ts";
import type { Links } from "./links.ts";

const kinds: ReadonlySet<string> = new Set(["experiment", "tag", "dashboard", "dashboard_app", "report", "note"]);
/** Fields that name another entity or a run. */
const references = [
  ["dashboard", "app_id", "dashboard_app"],
  ["dashboard_app", "dashboard_id", "dashboard"],
  ["note", "run_hash", "run"],
  ["note", "experiment_id", "experiment"],
] as const;

export class EntityCheck implements FileCheck {
  readonly #links: Links;
  readonly #faults: FaultList;
  readonly #counts = new Map<string, number>();
  readonly #lines = new LinesCheck(({ bytes, number }) => this.#take(bytes, number));

  constructor(links: Links, faults: FaultList) {
    this.#links = links;
    this.#faults = faults;
  }

  /** Entities by kind. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  get records(): number {
    return this.#lines.records;
  }

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  end(): void {
    this.#lines.end();
  }

  #take(bytes: Uint8Array, line: number): void {
    try {
      const entity = parseEntity(bytes, line);
      if (entity === undefined) return;
      this.#counts.set(entity.kind, (this.#counts.get(entity.kind) ?? 0) + 1);
      this.#entity(entity.kind, entity.data, line);
    } catch (error) {
      if (!(error instanceof MatyanError)) throw error;
      this.#faults.error(entitiesName, "entity", error.message, line);
    }
  }

  #entity(kind: string, data: ValueMap, line: number): void {
    if (!kinds.has(kind))
      this.#faults.warning(entitiesName, "entity-kind", `unknown entity_type ${JSON.stringify(kind)}`, line);
    const id = data.get("id");
    if (typeof id !== "string" || id === "")
      this.#faults.warning(entitiesName, "entity", `a ${kind} without an id`, line);
    else if (!this.#links.add(kind, id)) {
      this.#faults.warning(entitiesName, "entity", `a second ${kind} with the id ${JSON.stringify(id)}`, line);
    }
    for (const [from, field, to] of references) {
      const target = data.get(field);
      if (kind === from && typeof target === "string" && target !== "")
        this.#links.refer(to, target, entitiesName, line);
    }
  }
}
