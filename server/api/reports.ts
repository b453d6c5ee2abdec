// Reports: texts with embedded explorers, which the UI writes and shows.
import { mapOf } from "../../formats/value.ts";
import { type DocumentKind, documentRoutes } from "./documents.ts";
import { shownTime, textOf, textOrNull } from "./entityJson.ts";
import type { ApiContext, Route } from "./route.ts";
import { object, optional, text } from "./schema.ts";
import { schemas } from "./schemas.ts";

const report: DocumentKind = {
  kind: "report",
  path: "/reports",
  parameter: "report_id",
  title: "report",
  one: "a report",
  creation: object({ name: text, code: optional(text), description: optional(text) }),
  change: object({ name: optional(text), code: optional(text), description: optional(text) }),
  schema: schemas.report,
  show: (id, fields, request) =>
    mapOf({
      id,
      name: textOf(fields, "name"),
      code: textOrNull(fields, "code"),
      description: textOrNull(fields, "description"),
      updated_at: shownTime(request, fields.get("updated_at")),
      created_at: shownTime(request, fields.get("created_at")),
    }),
};

export function reportRoutes(context: ApiContext): Route[] {
  return documentRoutes(context, report);
}
