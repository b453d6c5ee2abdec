// The parts that streamed run objects have in common (rest-api.md 1.2, 2.8).
import type { StreamNode, StreamTree } from "../../../formats/stream.ts";
import type { Value, ValueMap } from "../../../formats/value.ts";
import type { NamedEntity, Run, RunTrace } from "../../search/index.ts";

function treeOf(fields: Record<string, StreamNode>): Map<string, StreamNode> {
  return new Map(Object.entries(fields));
}

/** `Props`: always with an `experiment` object and a list of tags. */
export async function propsOf(run: Run): Promise<StreamTree> {
  const experiment = await run.experiment();
  const { meta } = run;
  return treeOf({
    name: textOrNull(meta.get("name")),
    description: textOrNull(meta.get("description")),
    experiment: treeOf({
      id: experiment?.id ?? null,
      name: textOrNull(experiment?.fields.get("name")),
      description: textOrNull(experiment?.fields.get("description")),
    }),
    tags: (await run.tags()).map(tagOf),
    creation_time: run.createdAt,
    end_time: run.finishedAt ?? null,
    archived: meta.get("is_archived") === true,
    active: meta.get("active") === true,
  });
}

function tagOf({ id, fields }: NamedEntity): StreamNode {
  return treeOf({
    id,
    name: textOrNull(fields.get("name")),
    color: textOrNull(fields.get("color")),
    description: textOrNull(fields.get("description")),
  });
}

export function textOrNull(value: Value | undefined): string | null {
  return typeof value === "string" ? value : null;
}

/** The value processed last: 0.0 when none is stored, NaN when it is no number. */
export function lastOf({ last }: RunTrace): Value {
  if (last === undefined) return 0;
  return typeof last === "number" || typeof last === "bigint" || typeof last === "boolean" ? last : Number.NaN;
}

export function lastStepOf({ lastStep }: RunTrace): bigint {
  return lastStep ?? 0n;
}

export const noParams: ValueMap = new Map();

export { treeOf };
