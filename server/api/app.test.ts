// The shell around all routes: paths, methods, errors, CORS, compression, request ids, counts, logs.
import { describe, expect, test } from "bun:test";
import { gunzipSync } from "bun";
import { MatyanError } from "../../formats/error.ts";
import { json } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { openTestApi } from "./testing.ts";

const base = "/api/v1/rest";
const ui = { origin: "http://localhost:3000" };
const preflight = {
  ...ui,
  "access-control-request-method": "GET",
  "access-control-request-headers": "content-type,x-timezone-offset",
};

function failing(_context: ApiContext): Route[] {
  const route = { method: "GET", summary: "", answer: { description: "" } } as const;
  return [
    {
      ...route,
      path: "/fails/defect",
      handle: () => {
        throw new TypeError("secret of the code");
      },
    },
    {
      ...route,
      path: "/fails/busy",
      handle: () => {
        throw new MatyanError("busy", "the store is busy", { hint: "Try again." });
      },
    },
    { ...route, path: "/long", handle: () => json("x".repeat(5_000)) },
  ];
}

describe("paths and methods", () => {
  test("a path is answered with and without trailing slash, and never redirected", async () => {
    await using api = await openTestApi();
    for (const path of ["/projects", "/experiments", "/tags", "/version", "/dashboards", "/apps", "/reports"])
      for (const form of [path, `${path}/`]) expect((await api.send("GET", base + form)).status).toBe(200);
    for (const path of ["/health/live", "/health/ready", "/metrics", "/openapi.json"])
      for (const form of [path, `${path}/`]) expect((await api.send("GET", form)).status).toBe(200);
  });

  test("repeated slashes and unknown paths are not found, with a body that says so in every way", async () => {
    await using api = await openTestApi();
    const paths = ["/", base, `${base}/nope`, `/${base}/projects/`, `${base}/experiments//x`, `${base}/projects//`];
    for (const path of paths) {
      const response = await api.send("GET", path);
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({
        error: { code: "not_found", message: "Not Found" },
        detail: "Not Found",
        message: "Not Found",
      });
    }
  });

  test("a wrong method is refused with those that are right, HEAD too", async () => {
    await using api = await openTestApi();
    const wrong = [
      ["DELETE", `${base}/projects/`, "GET"],
      ["GET", `${base}/runs/abc`, "DELETE, PUT"],
      ["PATCH", `${base}/tags`, "GET, POST"],
      ["HEAD", `${base}/projects`, "GET"],
      ["OPTIONS", `${base}/projects`, "GET"],
    ] as const;
    for (const [method, path, allow] of wrong) {
      const response = await api.send(method, path);
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe(allow);
    }
  });

  test("ids are decoded, also those with slashes in them and those that are no valid encoding", async () => {
    await using api = await openTestApi({
      routes: () => [
        {
          method: "GET",
          path: "/echo/:id/x",
          summary: "",
          answer: { description: "" },
          handle: (request) => json(request.param("id")),
        },
      ],
    });
    const echo = async (id: string) => (await api.send("GET", `${base}/echo/${id}/x/?a=/b`)).json();
    expect(await echo("a%2Fb%20c")).toBe("a/b c");
    expect(await echo("%D0%B7")).toBe("з");
    expect(await echo("%zz")).toBe("%zz");
  });
});

describe("errors", () => {
  test("a defect is a 500 that tells nothing of the code, with the headers of every answer", async () => {
    const lines: string[] = [];
    await using api = await openTestApi({ routes: failing, log: (line) => lines.push(line) });
    const response = await api.send("GET", `${base}/fails/defect`, undefined, ui);
    expect(response.status).toBe(500);
    expect(response.headers.get("access-control-allow-origin")).toBe(ui.origin);
    expect(response.headers.get("x-request-id")).toBeString();
    const message = "Internal server error";
    expect(await response.json()).toEqual({ error: { code: "internal_error", message }, detail: message, message });
    const [line] = lines.map((each) => JSON.parse(each));
    expect(line).toMatchObject({ level: "error", path: `${base}/fails/defect`, status: 500 });
    expect(line.error).toContain("secret of the code");
  });

  test("an error for readers says what happened and what to do", async () => {
    await using api = await openTestApi({ routes: failing });
    const response = await api.send("GET", `${base}/fails/busy`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      error: { code: "error", message: "the store is busy" },
      detail: "the store is busy",
      message: "the store is busy. Try again.",
    });
  });
});

describe("cross-origin requests", () => {
  test("a preflight from an allowed origin is granted what it asks for", async () => {
    await using api = await openTestApi();
    for (const path of [`${base}/projects`, `${base}/projects/`, "/anything"]) {
      const response = await api.send("OPTIONS", path, undefined, preflight);
      expect(response.status).toBe(200);
      expect(await response.text()).toBe("OK");
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "access-control-allow-origin": ui.origin,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        "access-control-allow-headers": "content-type,x-timezone-offset",
        "access-control-max-age": "600",
        vary: "Origin",
      });
    }
  });

  test("a preflight from elsewhere is refused, and a plain request is answered without leave to read it", async () => {
    await using api = await openTestApi();
    const origin = "http://evil.example";
    const refused = await api.send("OPTIONS", `${base}/projects`, undefined, { ...preflight, origin });
    expect(refused.status).toBe(400);
    expect(await refused.text()).toBe("Disallowed CORS origin");
    const plain = await api.send("GET", `${base}/projects`, undefined, { origin });
    expect(plain.status).toBe(200);
    expect(plain.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("errors of every kind carry the headers", async () => {
    await using api = await openTestApi({ routes: failing });
    for (const path of ["/nope", "/fails/defect", "/fails/busy", "/tags/unknown", "/projects/params?exclude_params=x"])
      expect((await api.send("GET", base + path, undefined, ui)).headers.get("access-control-allow-origin")).toBe(
        ui.origin,
      );
    expect(
      (await api.send("DELETE", `${base}/projects`, undefined, ui)).headers.has("access-control-allow-origin"),
    ).toBe(true);
  });

  test("the origins are those of the configuration", async () => {
    await using api = await openTestApi({ settings: { corsOrigins: ["https://ui.example"] } });
    const allowed = async (origin: string) =>
      (await api.send("GET", `${base}/projects`, undefined, { origin })).headers.get("access-control-allow-origin");
    expect(await allowed("https://ui.example")).toBe("https://ui.example");
    expect(await allowed(ui.origin)).toBeNull();
  });
});

describe("compression", () => {
  test("long JSON is compressed for who takes it", async () => {
    await using api = await openTestApi({ routes: failing });
    const response = await api.send("GET", `${base}/long`, undefined, { "accept-encoding": "br, gzip;q=0.5" });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    const bytes = await response.bytes();
    expect(bytes.length).toBe(Number(response.headers.get("content-length")));
    expect(new TextDecoder().decode(gunzipSync(new Uint8Array(bytes)))).toBe(JSON.stringify("x".repeat(5_000)));
  });

  test("short answers, and clients that do not take it, get plain text", async () => {
    await using api = await openTestApi({ routes: failing });
    const encoding = async (path: string, accept: string) =>
      (await api.send("GET", base + path, undefined, { "accept-encoding": accept })).headers.get("content-encoding");
    expect(await encoding("/projects", "gzip")).toBeNull();
    expect(await encoding("/long", "br")).toBeNull();
    expect(await encoding("/long", "gzip;q=0, *")).toBeNull();
    expect(await encoding("/long", "*")).toBe("gzip");
  });
});

describe("counts and logs", () => {
  test("requests are counted by route, and all unknown paths as one", async () => {
    await using api = await openTestApi();
    await api.send("GET", `${base}/tags/a`);
    await api.send("GET", `${base}/tags/b/`);
    for (let i = 0; i < 5; i++) await api.send("PATCH", `/random/${i}`);
    const text = await (await api.send("GET", "/metrics")).text();
    const counts = text.split("\n").filter((line) => line.startsWith("matyan_http_requests_total{"));
    expect(counts).toEqual([
      `matyan_http_requests_total{method="GET",path_template="${base}/tags/{tag_id}/",status_class="4xx"} 2`,
      'matyan_http_requests_total{method="PATCH",path_template="(unmatched)",status_class="4xx"} 5',
    ]);
    expect(text).toContain(
      `matyan_http_request_duration_seconds_bucket{method="GET",path_template="${base}/tags/{tag_id}/",status_class="4xx",le="+Inf"} 2`,
    );
    expect(text).toContain("# TYPE matyan_planner_path_total counter");
  });

  test("METRICS_ENABLED=false stops the counting and leaves the page", async () => {
    await using api = await openTestApi({ settings: { metricsEnabled: false } });
    await api.send("GET", `${base}/tags`);
    const response = await api.send("GET", "/metrics/");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await response.text()).not.toContain("matyan_http_requests_total{");
  });

  test("a request is a line with its id, the caller's own where it is harmless", async () => {
    const lines: string[] = [];
    await using api = await openTestApi({ log: (line) => lines.push(line) });
    const own = await api.send("GET", `${base}/tags?q=1`, undefined, { "x-request-id": "job-7" });
    expect(own.headers.get("x-request-id")).toBe("job-7");
    const odd = await api.send("GET", `${base}/tags`, undefined, { "x-request-id": 'a"b c' });
    expect(odd.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    await api.send("GET", "/health/live");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        time: "2026-03-07T16:13:20.000Z",
        level: "info",
        method: "GET",
        path: `${base}/tags`,
        status: 200,
        ms: expect.any(Number),
        request_id: "job-7",
      },
      expect.objectContaining({ request_id: odd.headers.get("x-request-id") }),
    ]);
  });

  test("LOG_LEVEL leaves out what is less important", async () => {
    const lines: string[] = [];
    const settings = { logLevel: "error" } as const;
    await using api = await openTestApi({ routes: failing, settings, log: (line) => lines.push(line) });
    await api.send("GET", `${base}/tags`);
    await api.send("GET", `${base}/fails/defect`);
    expect(lines.map((line) => JSON.parse(line).status)).toEqual([500]);
  });
});
