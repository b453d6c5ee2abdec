// `matyan frontier`: the part of the server that clients log to, alone: one of a cluster's, or beside `serve --role api`.
import { type CommonOptions, type Context, type Define, examples, execute } from "../runtime.ts";
import { countBetween } from "./options.ts";
import { serve } from "./serve.ts";

interface Options {
  readonly host?: string;
  readonly port?: number;
}

const notes = `
With Kafka (KAFKA_BOOTSTRAP_SERVERS), what a client was told is on the topic KAFKA_DATA_INGESTION_TOPIC, acknowledged by all
replicas in sync, and workers store it. Any number of frontiers may run. Without, this process stores it itself. The same as
'matyan serve --role frontier', with the options of the existing 'matyan-frontier start'.`;

export const define: Define = (command) => {
  command
    .description("Run the part of the server that clients log to, alone.")
    .option("--host <address>", "address to listen on (default: $MATYAN_HOST, else 127.0.0.1)")
    .option("--port <port>", "port to listen on, 0 for a free one (default: 53801)", countBetween(0, 65_535))
    .addHelpText("after", notes)
    .addHelpText("after", examples("matyan frontier", "matyan frontier --host 0.0.0.0 --port 53801"))
    .action(execute<[], Options>(frontier));
};

function frontier(context: Context, { port, ...options }: Options & CommonOptions): Promise<void> {
  const ports = port === undefined ? {} : { frontierPort: port };
  return serve(context, { ...options, ...ports, role: "frontier" });
}
