// Requests against servers that fail in all the ways that servers do.
import { afterEach, expect, test } from "bun:test";
import { MatyanError } from "../../formats/error.ts";
import { encodeTree } from "../../formats/stream.ts";
import { mapOf } from "../../formats/value.ts";
import { Http, ServerRefusal } from "./http.ts";
import { searchRuns } from "./searches.ts";

const open: { stop(closeActiveConnections: boolean): unknown }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.stop(true);
});

function serve(
  answer: (url: URL, request: Request, count: number) => Response | Promise<Response>,
  version: object = { version: "9.9", component: "backend", message_extensions: [] },
): Http {
  let count = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const url = new URL(request.url);
      if (url.pathname.endsWith("/version/")) return Response.json(version);
      return answer(url, request, ++count);
    },
  });
  open.push(server);
  return new Http(`http://127.0.0.1:${server.port}`, { backoff: { firstMs: 1, longestMs: 2 } });
}

/** Sends `text` as it is for each connection, then closes it. */
function serveRaw(text: (count: number) => string): Http {
  let count = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket, data) => {
        const isVersion = data.toString().includes("/version/");
        const version = '{"version":"9.9","component":"backend"}';
        socket.end(
          isVersion ? `HTTP/1.1 200 OK\r\nContent-Length: ${version.length}\r\n\r\n${version}` : text(++count),
        );
      },
    },
  });
  open.push(server);
  return new Http(`http://127.0.0.1:${server.port}`, { backoff: { firstMs: 1, longestMs: 2 } });
}

async function failureOf(work: Promise<unknown>): Promise<MatyanError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MatyanError);
  return error as MatyanError;
}

test("a read is repeated while the server is out of order, a write is not", async () => {
  let writes = 0;
  const http = serve((_, request, count) => {
    if (request.method !== "GET") writes++;
    return count < 3 || request.method !== "GET" ? new Response("busy", { status: 503 }) : Response.json({ n: 1 });
  });
  expect(await http.json({ path: "x" })).toEqual(mapOf({ n: 1n }));
  const error = await failureOf(http.json({ path: "x", method: "DELETE" }));
  expect(error.message).toContain("out of order: status 503");
  expect(writes).toBe(1);
});

test("number kinds of an answer are kept, and parameters that are undefined stay out of the question", async () => {
  const http = serve((url) => new Response(`{"q":"${url.search}","i":1,"f":1.0}`));
  const body = await http.json({ path: "x/y", query: { a: "b c&d", none: undefined, n: 5 } });
  expect(body).toEqual(mapOf({ q: "?a=b+c%26d&n=5", i: 1n, f: 1 }));
});

test("a refusal says what the server said, in the server's kind of error", async () => {
  const envelope = (code: string, message: string, shown: string) => ({
    error: { code, message },
    detail: message,
    message: shown,
  });
  const http = serve((url) => {
    const status = Number(url.searchParams.get("status"));
    if (status === 422)
      return Response.json({ detail: [{ loc: ["body", "run_id"], msg: "Field required" }] }, { status });
    return Response.json(envelope("x", "short", "There is no run 'x'."), { status });
  });
  const refuse = (status: number) => failureOf(http.json({ path: "x", query: { status } }));
  expect(await refuse(404)).toMatchObject({ code: "not_found", message: "There is no run 'x'. (status 404)" });
  expect(await refuse(409)).toMatchObject({ code: "conflict" });
  expect(await refuse(422)).toMatchObject({ code: "usage", message: "body.run_id: Field required (status 422)" });
  expect(await refuse(500)).toMatchObject({ code: "io", status: 500 });
});

test("an address that serves pages, or another program, is named for what it is", async () => {
  const pages = serveRaw(() => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>hi</p>");
  expect((await failureOf(pages.json({ path: "runs" }))).message).toContain("it answers with web pages");
  const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("nope", { status: 404 }) });
  open.push(other);
  const error = await failureOf(new Http(`http://127.0.0.1:${other.port}`).json({ path: "runs" }));
  expect(error.message).toContain("is no matyan server: it answers with status 404");
  expect(error.hint).toContain("53800");
});

test("a server without the route is told from one that is not there", async () => {
  const http = serve(() => Response.json({ detail: "Not Found" }, { status: 404 }));
  const error = await failureOf(http.json({ path: "runs/new-thing" }));
  expect(error).toMatchObject({ code: "unsupported" });
  expect(error.message).toContain("version 9.9 of the backend");
  const gone = new Http("http://127.0.0.1:1", { attempts: 1 });
  expect(await failureOf(gone.json({ path: "x" }))).toMatchObject({ code: "io" });
});

test("an answer that ends too early is asked for again, then told", async () => {
  const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"n":1}';
  const http = serveRaw((count) => (count < 3 ? whole.slice(0, -2) : whole));
  expect(await http.json({ path: "x" })).toEqual(mapOf({ n: 1n }));
  const never = serveRaw(() => whole.slice(0, -2));
  const error = await failureOf(never.json({ path: "x" }));
  expect(error.message).toContain("was cut off");
});

test("an answer that stops arriving is given up", async () => {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) =>
      request.url.endsWith("/version/")
        ? Response.json({ version: "1", component: "backend" })
        : new Response(
            new ReadableStream({
              start: (controller) => controller.enqueue(new TextEncoder().encode('{"n":')),
            }),
          ),
  });
  open.push(server);
  const http = new Http(`http://127.0.0.1:${server.port}`, { attempts: 1, silentMs: 50 });
  const error = await failureOf(http.json({ path: "x" }));
  expect(error.message).toContain("no answer in time");
});

test("whoever aborts gets his own reason", async () => {
  const http = serve(() => new Promise(() => undefined));
  const abort = new AbortController();
  setTimeout(() => abort.abort(new MatyanError("interrupted", "stopped")), 20);
  expect(await failureOf(http.json({ path: "x", signal: abort.signal }))).toMatchObject({ code: "interrupted" });
});

test("a search goes on behind the last run that came whole, whatever breaks its pages", async () => {
  const hashes = Array.from({ length: 23 }, (_, i) => `run${String(i).padStart(3, "0")}`);
  const frame = (hash: string) => encodeTree(new Map([[hash, new Map([["n", 1n]])]]));
  let answers = 0;
  const http = serve((url) => {
    const offset = url.searchParams.get("offset");
    const limit = Number(url.searchParams.get("limit"));
    const start = offset === null ? 0 : hashes.indexOf(offset) + 1;
    const page = hashes.slice(start, start + limit);
    const end = encodeTree(new Map([[`progress_${page.length}`, [0n, 0n]]]));
    const body = Buffer.concat([...page.map(frame), end]);
    // Every second answer breaks off: in a record, or between two.
    answers++;
    return new Response(answers % 2 === 0 ? body.subarray(0, (body.length * (answers % 7)) / 7) : body);
  });
  const found: string[] = [];
  for await (const [hash] of searchRuns(http, { pageSize: 5 })) found.push(hash);
  expect(found).toEqual(hashes);
  const few: string[] = [];
  for await (const [hash] of searchRuns(http, { pageSize: 5, limit: 7 })) few.push(hash);
  expect(few).toEqual(hashes.slice(0, 7));
});

test("the existing server, which hangs at the end of a page, is asked for no pages and read to the end of its answer", async () => {
  // More than sockets hold: what is not read is not sent.
  const run = new Map([["bytes", new Uint8Array(64 * 1024)]]);
  const frames = Array.from({ length: 200 }, (_, i) => encodeTree(new Map([[`run${i}`, run]])));
  frames.push(encodeTree(new Map([["progress_0", [0n, 0n]]])));
  const limits: (string | null)[] = [];
  let ends = 0;
  const http = serve(
    (url) => {
      limits.push(url.searchParams.get("limit"));
      let at = 0;
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
        const frame = frames[at++];
        if (frame !== undefined) return controller.enqueue(frame);
        ends++;
        controller.close();
      };
      return new Response(new ReadableStream({ pull }));
    },
    { version: "0.3.0", component: "backend", fdb_api_version: 730 },
  );
  const few = await Array.fromAsync(searchRuns(http, { pageSize: 5, limit: 7 }), ([hash]) => hash);
  expect(few).toEqual(["run0", "run1", "run2", "run3", "run4", "run5", "run6"]);
  for await (const [hash] of searchRuns(http, { pageSize: 5 })) if (hash === "run3") break;
  expect((await Array.fromAsync(searchRuns(http, {}))).length).toBe(200);
  expect(limits).toEqual([null, null, null]);
  expect(ends).toBe(3);
});

test("a search that always breaks ends with an error, not with fewer runs", async () => {
  const http = serve(() => new Response(encodeTree(new Map([["progress_0", [1n, 5n]]]))));
  const error = await failureOf(Array.fromAsync(searchRuns(http, {})));
  expect(error.message).toContain("was cut off");
});

test("a query's mistake comes with its place", async () => {
  const detail = { statement: "(run.x ==)", line: 1, offset: 10, end_offset: 11 };
  const http = serve(() =>
    Response.json(
      { error: { code: "bad_request", message: "Invalid query syntax: no" }, detail, message: "SyntaxError" },
      { status: 400 },
    ),
  );
  const error = await failureOf(Array.fromAsync(searchRuns(http, { query: "run.x ==" })));
  expect(error).toBeInstanceOf(ServerRefusal);
  expect((error as ServerRefusal).position).toEqual({ statement: "(run.x ==)", line: 1, offset: 10, endOffset: 11 });
  expect(error.message).toContain("no");
});
