// The description is complete and well formed: every route, every parameter, every reference.
import { expect, test } from "bun:test";
import { jsonRoutes } from "./app.ts";
import { pathOf } from "./route.ts";
import { openTestApi, type TestApi } from "./testing.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}

interface Document {
  readonly openapi: string;
  readonly info: object;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

async function readDocument(api: TestApi): Promise<Document> {
  return JSON.parse(await (await api.send("GET", "/openapi.json")).text());
}

test("the document describes every route with its parameters and answers", async () => {
  await using api = await openTestApi();
  const document = await readDocument(api);
  expect(document.openapi).toBe("3.1.0");
  expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
  const operations: Operation[] = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    expect(path).toMatch(/^\/[^:]*[^/:]$/);
    for (const [method, operation] of Object.entries(methods)) {
      expect(["get", "post", "put", "delete"]).toContain(method);
      operations.push(operation);
      const declared = (operation.parameters ?? []).filter((each) => each.in === "path").map(({ name }) => name);
      expect(declared).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!));
      expect(operation.summary).not.toBe("");
      const [status] = Object.keys(operation.responses);
      expect(["200", "201", "204"]).toContain(status!);
      for (const response of Object.values(operation.responses)) expect(response.description).not.toBe("");
    }
  }
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const route of jsonRoutes(api.context)) {
    const described = document.paths[pathOf(route).replace(/:(\w+)/g, "{$1}")]?.[route.method.toLowerCase()];
    expect(described?.summary).toBe(route.summary);
  }
  expect(operations.length).toBe(jsonRoutes(api.context).length + 6);
});

test("every reference leads somewhere, and schemas use only words of JSON Schema", async () => {
  await using api = await openTestApi();
  const document = await readDocument(api);
  const types = ["string", "number", "integer", "boolean", "object", "array", "null"];
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) for (const item of node) walk(item);
    if (node === null || typeof node !== "object" || Array.isArray(node)) return;
    for (const [word, value] of Object.entries(node)) {
      if (word === "$ref") expect(document.components.schemas[String(value).split("/").at(-1)!]).toBeObject();
      if (word === "type" && typeof value === "string") expect(types).toContain(value);
      walk(value);
    }
  };
  walk(document);
});
