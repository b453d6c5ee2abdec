// What is not of runs: version, health, metrics and the description of the API. rest-api.md 1.11, 5.
import { messageExtensions } from "../../formats/messages/frames.ts";
import { mapOf } from "../../formats/value.ts";
import manifest from "../../package.json" with { type: "json" };
import { createReadiness } from "../health.ts";
import { openApiDocument } from "./openapi.ts";
import { json, jsonText } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { schemas } from "./schemas.ts";

/** `routes` gives all routes of the app, these included, once they are known. */
export function systemRoutes(context: ApiContext, routes: () => readonly Route[]): Route[] {
  const ready = context.ready ?? createReadiness(context);
  let document: string | undefined;
  return [
    {
      method: "GET",
      path: "/version",
      summary: "The version of the server, and what its messages carry beyond those of the existing one",
      answer: { description: "The version.", schema: schemas.version },
      handle: () =>
        json(
          mapOf({
            version: manifest.version,
            component: "backend",
            fdb_api_version: 730n,
            message_extensions: [...messageExtensions],
          }),
        ),
    },
    {
      method: "GET",
      path: "/system/live",
      summary: "What the server does at this moment, as `matyan top` shows it",
      answer: { description: "The figures that are known.", schema: schemas.liveFigures },
      handle: async () => jsonText(JSON.stringify((await context.live?.()) ?? { at: context.now(), missing: {} })),
    },
    {
      method: "GET",
      path: "/health/live",
      isOutside: true,
      summary: "Whether the process answers",
      answer: { description: "It does.", schema: schemas.live },
      handle: () => json(mapOf({ status: "ok" })),
    },
    {
      method: "GET",
      path: "/health/ready",
      isOutside: true,
      summary: "Whether the store and the blobs can be used",
      answer: { description: "They can.", schema: schemas.readiness },
      errors: [503],
      handle: async () => {
        const { status, checks } = await ready();
        // Under the names that probes of the existing services look for: `fdb` is the store, and where one process is all,
        // what stands for the message bus are its own queues.
        const isPublishing = (checks.kafka ?? "ok") === "ok";
        const kafka = mapOf({ control_producer: isPublishing, ingestion_producer: isPublishing });
        const reason = isPublishing ? {} : { kafka_error: checks.kafka };
        const named = mapOf({ fdb: checks.store, kafka, ...reason, blob: checks.blob });
        return json(mapOf({ status, checks: named }), status === "ok" ? 200 : 503);
      },
    },
    {
      method: "GET",
      path: "/metrics",
      isOutside: true,
      summary: "Counts of the process for Prometheus",
      answer: { description: "Prometheus text format 0.0.4.", type: "text/plain" },
      handle: () =>
        new Response(context.metrics.registry.render(), {
          headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        }),
    },
    {
      method: "GET",
      path: "/openapi.json",
      isOutside: true,
      summary: "This description",
      answer: { description: "An OpenAPI 3.1 document.", schema: { type: "object" } },
      handle: () => {
        document ??= JSON.stringify(openApiDocument(routes(), manifest.version));
        return jsonText(document);
      },
    },
  ];
}
