// Context ids of the few contexts that messages repeat without end: hashing each time would cost more than storing the point.
import { contextId } from "../../formats/context.ts";
import { compact } from "../../formats/messages/index.ts";
import type { ValueMap } from "../../formats/value.ts";

const maxEntries = 10_000;
const ids = new Map<string, number>();

/** As `contextId`, which is a pure function of the text that is looked up here. */
export function cachedContextId(context: ValueMap | undefined): number {
  if (context === undefined || context.size === 0) return 0;
  const text = compact(context);
  let id = ids.get(text);
  if (id !== undefined) return id;
  id = contextId(context);
  if (ids.size >= maxEntries) ids.clear();
  if (text.length <= 1_000) ids.set(text, id);
  return id;
}
