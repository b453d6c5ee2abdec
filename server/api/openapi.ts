// The OpenAPI 3.1 description (spec.openapis.org/oas/v3.1.0) of a table of routes.
import { type Answer, pathOf, type QueryParameter, type Route } from "./route.ts";
import type { JsonSchema, SchemaPart } from "./schema.ts";

const errorReference: JsonSchema = { $ref: "#/components/schemas/Error" };

const errorSchema: JsonSchema = {
  type: "object",
  properties: {
    error: {
      type: "object",
      properties: { code: { type: "string" }, message: { type: "string" } },
      required: ["code", "message"],
    },
    detail: {
      description: "The message; for a query that cannot be read the place of the fault.",
      anyOf: [
        { type: "string" },
        {
          type: "object",
          properties: {
            statement: { type: "string" },
            line: { type: "integer" },
            offset: { type: "integer" },
            end_offset: { type: "integer" },
          },
        },
      ],
    },
    message: { type: "string", description: "What the UI shows." },
  },
  required: ["error", "detail", "message"],
};

const errorTitles: Readonly<Record<number, string>> = {
  400: "The request cannot be done as it is",
  404: "There is no such thing",
  413: "Too large",
  422: "The request does not fit its description",
  500: "The server failed",
  503: "The server cannot answer now",
};

export function openApiDocument(routes: readonly Route[], version: string): JsonSchema {
  const paths: Record<string, Record<string, SchemaPart>> = {};
  for (const route of routes) {
    const path = pathOf(route).replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Matyan",
      version,
      description: "Every path is answered with and without a trailing slash. Times are seconds since the epoch.",
    },
    paths,
    components: { schemas: { Error: errorSchema } },
  };
}

function operation(route: Route): JsonSchema {
  const parameters = [...pathParameters(route), ...queryParameters(route), ...timezoneParameter(route)];
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [route.isOutside ? "system" : (route.path.split("/")[1] ?? "system")],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: route.body } } } }),
    responses: responses(route),
  };
}

function operationId({ method, path }: Route): string {
  const words = path.split(/[/:_-]+/).filter((word) => word !== "");
  return [method.toLowerCase(), ...words.map((word) => word[0]!.toUpperCase() + word.slice(1))]
    .join("")
    .replace(/\W/g, "");
}

function pathParameters({ path }: Route): JsonSchema[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters({ query = {} }: Route): JsonSchema[] {
  return Object.entries(query).map(([name, parameter]) => ({
    name,
    in: "query",
    required: parameter.required ?? false,
    description: parameter.description,
    schema: querySchema(parameter),
  }));
}

function querySchema({ type, repeated, default: fallback }: QueryParameter): JsonSchema {
  if (repeated) return { type: "array", items: { type } };
  return fallback === undefined ? { type } : { type, default: fallback };
}

function timezoneParameter({ usesTimezone }: Route): JsonSchema[] {
  if (!usesTimezone) return [];
  const description = "Minutes that the caller's clock is behind UTC: -240 for UTC+4.";
  return [
    { name: "X-Timezone-Offset", in: "header", required: false, description, schema: { type: "integer", default: 0 } },
  ];
}

function responses(route: Route): JsonSchema {
  const { answer } = route;
  const takes = route.query !== undefined || route.body !== undefined || route.usesTimezone;
  const statuses = [...new Set([...(route.errors ?? []), ...(takes ? [422] : []), 500])].sort((a, b) => a - b);
  return {
    [String(answer.status ?? 200)]: success(answer),
    ...Object.fromEntries(statuses.map((status) => [String(status), failure(status)])),
  };
}

function success({ description, type = "application/json", schema = {} }: Answer): JsonSchema {
  return type === "none" ? { description } : { description, content: { [type]: { schema } } };
}

function failure(status: number): JsonSchema {
  const content = { "application/json": { schema: errorReference } };
  return { description: errorTitles[status] ?? "An error", content };
}
