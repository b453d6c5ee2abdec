import { expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { startServed, testFolder } from "../testing/served.ts";
import { installUi } from "./install.ts";
import { makeWheel } from "./testWheel.ts";

async function servedUi() {
  const folder = await testFolder();
  const wheel = join(folder.path, "ui.whl");
  await Bun.write(wheel, makeWheel());
  const data = join(folder.path, "data");
  const { folder: files } = await installUi(data, wheel);
  await Bun.write(join(data, "secret"), "secret");
  await symlink(data, join(files, ".hidden"));
  const served = await startServed({ data });
  return {
    ...served,
    data,
    wheel,
    [Symbol.asyncDispose]: async () => {
      await served[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A bare HTTP request, whose path nothing makes tidy on its way. */
async function rawGet(address: string, path: string): Promise<string> {
  const { hostname, port, host } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.end(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  let text = "";
  for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString("latin1");
  return text;
}

test("every address outside the API is the page, with the origin that the browser used", async () => {
  await using served = await servedUi();
  for (const path of ["/", "/runs", "/runs/abc/params?x=1", "/a.b", "//"]) {
    const response = await fetch(served.api + path);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const page = await response.text();
    expect(page).toContain(`window.API_BASE_PATH="",window.API_BASE_PATH_SUFFIX="/api/v1",`);
    expect(page).toContain(`window.API_HOST_BASE="${served.api}",window.API_AUTH_TOKEN=""`);
    expect(page).toContain('src="/static-files/static/js/main.js?version=1"');
  }
  const proxied = await fetch(served.api, {
    headers: { "x-forwarded-host": "ui.example.org", "x-forwarded-proto": "https" },
  });
  expect(await proxied.text()).toContain('window.API_HOST_BASE="https://ui.example.org"');
});

test("a host that is none gets into no page", async () => {
  await using served = await servedUi();
  for (const host of ['"</script><script>alert(1)', "a b", "x'y", "h/../", "a@b", "{{ api_auth_token }}"]) {
    const page = await (await fetch(served.api, { headers: { "x-forwarded-host": host } })).text();
    expect(page).toContain(`window.API_HOST_BASE="${served.api}"`);
  }
});

test("the API's addresses stay the API's, also unknown ones, and other methods are no pages", async () => {
  await using served = await servedUi();
  for (const path of ["/api/v1/rest/nothing", "/api", "/health/nothing"]) {
    const response = await fetch(served.api + path);
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toContain("application/json");
  }
  expect((await fetch(`${served.api}/runs`, { method: "POST" })).status).toBe(405);
  const head = await fetch(served.api, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test("files go out zipped to who takes that, plain to others, and are kept by browsers as long as they may", async () => {
  await using served = await servedUi();
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${served.api}/static-files/${path}`, { headers });
  const zipped = await get("static/js/main.js?version=1", { "accept-encoding": "br, gzip" });
  expect(await zipped.text()).toBe("console.log('zipped')");
  expect(zipped.headers.get("vary")).toBe("accept-encoding");
  expect(zipped.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
  expect(zipped.headers.get("content-type")).toStartWith("text/javascript");
  for (const encoding of ["identity", "gzip;q=0", "br"]) {
    const plain = await get("static/js/main.js", { "accept-encoding": encoding });
    expect([await plain.text(), plain.headers.get("content-encoding")]).toEqual(["console.log('plain')", null]);
    expect(plain.headers.get("cache-control")).toBe("no-cache");
  }
  expect(await (await get("matyan_ui_core.py/")).text()).toBe("pass");
  expect(await (await get("only.css")).text()).toBe("body {}");
  const etag = zipped.headers.get("etag")!;
  expect((await get("static/js/main.js", { "accept-encoding": "gzip", "if-none-match": etag })).status).toBe(304);
  expect((await get("static/js/main.js", { "accept-encoding": "identity", "if-none-match": etag })).status).toBe(200);
  expect((await get("nothing.js")).status).toBe(404);
  expect((await get("static/js")).status).toBe(404);
  expect((await get("")).status).toBe(404);
});

test.each([
  "/static-files/../secret",
  "/static-files/../../../secret",
  "/static-files/%2e%2e/%2e%2e/%2e%2e/secret",
  "/static-files/..%2f..%2f..%2fsecret",
  "/static-files/..%5c..%5csecret",
  "/static-files//etc/passwd",
  "/static-files/.hidden/secret",
  "/static-files/.matyan-ui.json",
  "/static-files/static/js/main.js%00",
  "/static-files/%zz",
])("%s leads to nothing outside the UI", async (path) => {
  await using served = await servedUi();
  const answer = await rawGet(served.api, path);
  expect(answer).toMatch(/^HTTP\/1\.1 (?:404|400|200)/);
  expect(answer).not.toContain("\r\n\r\nsecret");
  expect(answer).not.toContain("root:");
  expect(answer).not.toContain("sha256");
});

test("without a UI the root says in one line how to get it, as text and as HTML, and shows it once it is there", async () => {
  await using folder = await testFolder();
  const data = join(folder.path, "data");
  await using served = await startServed({ data });
  const text = await (await fetch(served.api)).text();
  expect(text.trim().split("\n")).toHaveLength(1);
  expect(text).toContain("`matyan ui install`");
  const html = await fetch(served.api, { headers: { accept: "text/html,*/*" } });
  expect(html.headers.get("content-type")).toStartWith("text/html");
  expect(await html.text()).toContain("<code>matyan ui install</code>");
  expect((await fetch(`${served.api}/runs`)).status).toBe(404);
  const wheel = join(folder.path, "ui.whl");
  await Bun.write(wheel, makeWheel());
  await installUi(data, wheel);
  expect(await (await fetch(served.api)).text()).toContain("window.API_HOST_BASE");
  expect((await fetch(`${served.api}/runs`)).status).toBe(200);
});

test("--ui shows a wheel or a folder in place of the installed one", async () => {
  await using served = await servedUi();
  await using folder = await testFolder();
  await using other = await startServed({ data: join(folder.path, "data"), args: ["--ui", served.wheel] });
  expect(await (await fetch(other.api)).text()).toContain("window.API_HOST_BASE");
});
