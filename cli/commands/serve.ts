// `matyan serve`: the whole system in one process, until it is told to stop.
import { Option } from "commander";
import { type Config, Configuration, processSources } from "../../server/config.ts";
import { type Role, type RunningServer, startServer } from "../../server/serve.ts";
import { LineBuffer } from "../lineBuffer.ts";
import { type CommonOptions, type Context, type Define, examples, execute } from "../runtime.ts";
import { countBetween } from "./options.ts";

interface Options {
  readonly host?: string;
  readonly port?: number;
  readonly frontierPort?: number;
  readonly ui?: string;
  readonly role: Role;
}

const notes = `
Clients log to it unchanged: Run(repo="http://127.0.0.1:53800"), or MATYAN_BACKEND_URL and MATYAN_FRONTIER_URL. What a
client was told is stored: it survives kill -9, and a power cut too unless MATYAN_DURABILITY=normal. On Ctrl-C or
SIGTERM it takes no more, stores and acknowledges what it took, and exits with 0; a second one ends it at once.

It listens on 127.0.0.1 unless told otherwise: nothing asks for a password. The existing services listen on 0.0.0.0; for
that say --host 0.0.0.0. The web UI is the one that \`matyan ui install\` keeps beside the data, or --ui. One server to a
data folder; other commands may use it meanwhile.

With KAFKA_BOOTSTRAP_SERVERS or FDB_CLUSTER_FILE it is a part of a cluster: messages go to Kafka, workers store them, and
clients upload to the object store. \`matyan config\` shows what is in effect; all variables: docs/configuration.md.

Environment: MATYAN_HOST, MATYAN_PORT, MATYAN_FRONTIER_PORT; S3_PRESIGN_EXPIRY (seconds that an upload URL is good,
3600), MATYAN_UPLOAD_ORIGIN (scheme://host:port of upload URLs, else the address that the client used),
MATYAN_MAX_UPLOAD_BYTES; CORS_ORIGINS, BLOB_URI_SECRET, METRICS_ENABLED; LOG_LEVEL: with info, a line of JSON on stderr
for each request (the default unless stderr is a terminal).`;

export const define: Define = (command) => {
  command.description("Run the server: clients log to it, browsers look at it.");
  const port = countBetween(0, 65_535);
  command
    .option("--host <address>", "address to listen on (default: $MATYAN_HOST, else 127.0.0.1)")
    .option("--port <port>", "port of API, web UI and frontier, 0 for a free one (default: 53800)", port)
    .option("--frontier-port <port>", "second port, of the frontier alone, 0 for a free one (default: 53801)", port)
    .option("--ui <path>", "web UI to serve: its folder, or the wheel of matyan-ui")
    .addOption(new Option("--role <role>", "what to run").choices(["all", "api", "frontier"]).default("all"))
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples("matyan serve", "matyan serve --data /srv/matyan --host 0.0.0.0", "matyan serve --port 0 --json"),
    )
    .action(execute<[], Options>(serve));
};

export async function serve({ out, signal }: Context, options: Options & CommonOptions): Promise<void> {
  const { role } = options;
  const configuration = new Configuration(
    processSources({
      MATYAN_DATA: options.data,
      MATYAN_HOST: options.host,
      MATYAN_PORT: options.port?.toString(),
      MATYAN_FRONTIER_PORT: options.frontierPort?.toString(),
    }),
  );
  const config = {
    ...configuration.configFor(role === "all" ? ["api", "frontier"] : [role]),
    ...configuration.serve,
    ...configuration.api,
  };
  // A person at a terminal wants to see what is wrong, not every request.
  const isQuiet = out.terminal.stderr && !configuration.settings.isSet("LOG_LEVEL");
  const requests = new LineBuffer(out.rawError);
  const server = await startServer({
    config: isQuiet ? { ...config, logLevel: "error" } : config,
    role,
    ui: options.ui,
    warn: out.warn,
    log: (line) => requests.add(line),
  });
  const install = options.data === undefined ? "matyan ui install" : `matyan ui install --data ${options.data}`;
  for (const line of greeting(server, config, install)) out.info(line);
  out.record({
    api: server.apiAddress ?? null,
    frontier: server.frontierAddress ?? null,
    ui: server.uiFolder ?? null,
    data: config.dataDir,
    mode: config.mode,
    store: server.usesStore ? config.store.engine : "none",
    blobs: config.blobs.engine,
    bus: config.kafka === undefined ? "embedded" : "kafka",
    pid: process.pid,
  });
  out.flush();
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  out.info(
    `Stopping: what was taken is ${config.kafka === undefined ? "stored" : "published"} and acknowledged first.`,
  );
  out.flush();
  await server.stop();
  requests.flush();
}

function greeting(server: RunningServer, config: Config & { readonly host: string }, install: string): string[] {
  const { host } = config;
  const lines: string[] = [];
  if (server.apiAddress !== undefined)
    lines.push(
      `API       ${server.apiAddress}${server.frontierAddress === undefined ? "" : "  (clients may log here, too)"}`,
    );
  if (server.frontierAddress !== undefined) lines.push(`Frontier  ${server.frontierAddress}`);
  if (server.apiAddress !== undefined)
    lines.push(
      server.uiFolder === undefined ? `Web UI    none: get it with \`${install}\`` : `Web UI    ${server.apiAddress}/`,
    );
  lines.push(...enginesOf(config, server.usesStore));
  const isLocal = host === "localhost" || host === "::1" || host.startsWith("127.");
  lines.push(
    isLocal
      ? "Only this machine can reach it; --host 0.0.0.0 lets others in."
      : "Whoever reaches this address can read, write and delete: there are no passwords.",
  );
  return lines;
}

function enginesOf({ mode, dataDir, store, blobs, kafka }: Config, usesStore: boolean): string[] {
  if (mode === "embedded") return [`Data      ${dataDir}`];
  const lines = [];
  if (usesStore && store.engine === "foundationdb") lines.push(`Store     FoundationDB, ${store.clusterFile}`);
  if (usesStore && store.engine === "embedded") lines.push(`Store     ${dataDir}`);
  if (blobs.engine === "folder") lines.push(`Blobs     ${dataDir}`);
  else
    lines.push(
      `Blobs     ${blobs.engine === "azure" ? `azure://${blobs.container}` : `${blobs.engine === "s3" ? "s3" : "gs"}://${blobs.bucket}`}`,
    );
  if (kafka !== undefined) lines.push(`Kafka     ${kafka.brokers.join(", ")}  (workers apply what is taken)`);
  return lines;
}
