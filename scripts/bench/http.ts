// Small JSON requests per second of `matyan serve`, next to a bare Bun.serve that answers the same bytes without looking at
// anything: `bun scripts/bench/http.ts [REQUESTS]`, default 100,000 a route. 32 connections, each asking again when it was
// answered; the client shares the machine with the server. A ratio of 0.5 means half as many requests as the bare server.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServed } from "../../server/testing/served.ts";

const total = Number(process.argv[2] ?? 100_000);
const connections = 32;
const folder = mkdtempSync(join(tmpdir(), "matyan-bench-http-"));

/** Sends `count` requests for `path` and gives requests per second. Answers are told apart by their announced length. */
async function requestsPerSecond(origin: string, path: string, count: number): Promise<number> {
  const { hostname, port } = new URL(origin);
  const request = `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`;
  let sent = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      let text = "";
      const ask = (socket: Bun.Socket) => {
        if (sent++ < count) socket.write(request);
        else resolve();
      };
      const socket = await Bun.connect({
        hostname,
        port: Number(port),
        socket: {
          open: ask,
          data(self, bytes) {
            text += bytes.toString("latin1");
            const head = text.indexOf("\r\n\r\n");
            if (head < 0) return;
            const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
            if (text.length < head + 4 + length) return;
            if (!text.startsWith("HTTP/1.1 200")) reject(new Error(text.slice(0, head)));
            text = "";
            ask(self);
          },
          error: (_, error) => reject(error),
        },
      });
      await promise;
      socket.end();
    }),
  );
  return count / ((performance.now() - start) / 1000);
}

/** User and system seconds that a process has used so far. */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await Bun.file(`/proc/${pid}/stat`).text()).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const routes = ["/api/v1/rest/projects/status/", "/api/v1/rest/version/", "/api/v1/rest/projects/", "/health/live/"];
try {
  await using served = await startServed({ data: join(folder, "data") });
  for (const route of routes) {
    const body = await (await fetch(served.api + route)).text();
    const bare = Bun.spawn(
      [
        process.execPath,
        "-e",
        `const s = Bun.serve({port: 0, hostname: "127.0.0.1", fetch: () => new Response(${JSON.stringify(body)}, {headers: {"content-type": "application/json"}})}); console.log(s.port)`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const { value } = await bare.stdout.getReader().read();
    const floor = `http://127.0.0.1:${Buffer.from(value!).toString().trim()}`;
    for (const origin of [floor, served.api]) await requestsPerSecond(origin, route, total / 10);
    const cpu = await cpuSeconds(served.pid);
    const ours = await requestsPerSecond(served.api, route, total);
    const used = (await cpuSeconds(served.pid)) - cpu;
    const peer = await requestsPerSecond(floor, route, total);
    bare.kill();
    console.log(
      `${route.padEnd(32)} ours ${Math.round(ours)}/s (${Math.round(total / used)} a CPU second)  bare Bun.serve ${Math.round(peer)}/s  ratio ${(ours / peer).toFixed(2)}`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
