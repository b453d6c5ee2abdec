// Apps: the states of the UI's explorers, free JSON that is replaced whole.
import { mapOf } from "../../formats/value.ts";
import { type DocumentKind, documentRoutes } from "./documents.ts";
import { mapOrEmpty, textOf, timeOrNull } from "./entityJson.ts";
import type { ApiContext, Route } from "./route.ts";
import { dictionary, object, optional, text } from "./schema.ts";
import { schemas } from "./schemas.ts";

const app: DocumentKind = {
  kind: "dashboard_app",
  path: "/apps",
  parameter: "app_id",
  title: "app",
  one: "an app",
  creation: object({ type: text, state: dictionary }),
  change: object({ type: optional(text), state: optional(dictionary) }),
  schema: schemas.app,
  show: (id, fields) =>
    mapOf({
      id,
      type: textOf(fields, "type"),
      updated_at: timeOrNull(fields.get("updated_at")),
      created_at: timeOrNull(fields.get("created_at")),
      state: mapOrEmpty(fields.get("state")),
    }),
};

export function appRoutes(context: ApiContext): Route[] {
  return documentRoutes(context, app);
}
