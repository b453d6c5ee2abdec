// The connection to Kafka: addresses, TLS, passwords, and where the library's own log lines go.
import "./corrections.ts";
import { readFile } from "node:fs/promises";
import { connect, isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity, connect as connectTls } from "node:tls";
import { Kafka, KafkaJSProtocolError, type LogEntry, logLevel, type SASLOptions } from "kafkajs";
import { MatyanError, messageOf } from "../../../formats/error.ts";
import type { KafkaSasl, KafkaSettings, KafkaTls } from "../../config/engines.ts";

/** Milliseconds. A frontier's client waits 15 s for its reply: what takes longer than this is given up before. */
export const patience = { connect: 5_000, request: 10_000, topic: 30_000 } as const;

/** @throws MatyanError `io` when a file of `tls` cannot be read. */
export async function createClient(
  settings: KafkaSettings,
  clientId: string,
  warn: (text: string) => void,
): Promise<Kafka> {
  const { tls, sasl } = settings;
  const tell = notAgainSoon(warn);
  return new Kafka({
    clientId,
    brokers: [...settings.brokers],
    connectionTimeout: patience.connect,
    authenticationTimeout: patience.request,
    requestTimeout: patience.request,
    enforceRequestTimeout: true,
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 5 },
    ...(tls === undefined ? {} : { ssl: await tlsOptions(tls) }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
    socketFactory: ({ host, port, ssl, onConnect }) => {
      const socket = ssl
        ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
        : connect({ host, port }, onConnect);
      // A request that waits for the acknowledgement of the one before it is milliseconds late.
      return socket.setNoDelay(true).setKeepAlive(true, 60_000);
    },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      if (isWorthTelling(entry)) tell(textOf(entry));
    },
  });
}

async function tlsOptions(tls: KafkaTls): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([tls.caFile, tls.certFile, tls.keyFile].map(readPem));
  return {
    ...(ca === undefined ? {} : { ca: [ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.keyPassword === undefined ? {} : { passphrase: tls.keyPassword }),
    checkServerIdentity: (host, certificate) =>
      tls.checkHostname ? checkServerIdentity(host, certificate) : undefined,
  };
}

async function readPem(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new MatyanError("io", `can't read ${path}: ${messageOf(cause)}`, {
      hint: "KAFKA_SSL_CAFILE, KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE name PEM files.",
      cause,
    });
  }
}

function saslOptions({ mechanism, username, password }: KafkaSasl): SASLOptions {
  switch (mechanism) {
    case "PLAIN":
      return { mechanism: "plain", username, password };
    case "SCRAM-SHA-256":
      return { mechanism: "scram-sha-256", username, password };
    case "SCRAM-SHA-512":
      return { mechanism: "scram-sha-512", username, password };
  }
}

/** What a connection met is told by whoever uses it; that we give up in time, and begin anew as we do, is no news. */
function isWorthTelling({ namespace, log: { message } }: LogEntry): boolean {
  if (namespace === "Connection") return false;
  // Members come and go: that is what groups are for.
  if (message.startsWith("The group is rebalancing")) return false;
  return !message.startsWith("Limiting retries for the idempotent producer");
}

/** Milliseconds in which the same line is told once: while a broker is away, every attempt has the same to say. */
const againAfter = 30_000;

function notAgainSoon(warn: (text: string) => void): (text: string) => void {
  const told = new Map<string, number>();
  return (text) => {
    const now = performance.now();
    if (now - (told.get(text) ?? Number.NEGATIVE_INFINITY) < againAfter) return;
    if (told.size > 100) told.clear();
    told.set(text, now);
    warn(text);
  };
}

function textOf({ namespace, log }: LogEntry): string {
  const { message, groupId, error } = log;
  const about = typeof groupId === "string" ? ` (group ${groupId})` : "";
  const cause = typeof error === "string" && error !== message ? `: ${error}` : "";
  return `kafka ${namespace.toLowerCase()}${about}: ${message}${cause}`;
}

/** Whether a broker said that it can't yet: it was just started, another one leads. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error instanceof KafkaJSProtocolError && error.retriable) || isPassing(error.cause);
}

/** What to say and do about a failure of the library. `about` says what was tried. */
export function kafkaError(error: unknown, about: string): MatyanError {
  if (error instanceof MatyanError) return error;
  const name = error instanceof Error ? error.name : "";
  const options = { cause: error };
  if (name === "KafkaJSSASLAuthenticationError" || /SASL|authentication/i.test(messageOf(error)))
    return new MatyanError("io", `${about}: Kafka refuses the credentials: ${messageOf(error)}`, {
      ...options,
      hint: "Check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.",
    });
  return new MatyanError("io", `${about}: ${messageOf(error)}`, {
    ...options,
    hint: "Check that Kafka runs, that KAFKA_BOOTSTRAP_SERVERS names it, and that its topics exist.",
  });
}
