// `matyan doctor`: looks at every part that the configuration names, side by side, and changes nothing but for a probe of the blobs.
import type { BlobStore } from "../blobs/index.ts";
import { type Config, type Configuration, type Role, roles } from "../config.ts";
import { type OpenStore, openBlobs } from "../stack.ts";
import { within } from "../within.ts";
import { blobChecks } from "./blobChecks.ts";
import {
  type Check,
  type CheckResult,
  type Finding,
  failure,
  gravest,
  ok,
  runChecks,
  type Severity,
  skipped,
  warning,
} from "./checks.ts";
import { folderChecks } from "./folderChecks.ts";
import { openToLook, storeChecks } from "./storeChecks.ts";
import { versionChecks } from "./versionChecks.ts";

export type { CheckResult, Finding, Severity } from "./checks.ts";

export interface ExamineOptions {
  /** Only what processes of this role use; all without it. */
  readonly role?: Role | undefined;
  /** The bound on each check, milliseconds. */
  readonly timeoutMs: number;
  /** Seconds since the epoch. */
  readonly now: number;
}

export interface Examination {
  readonly severity: Severity;
  readonly checks: readonly CheckResult[];
}

/** How long closing what was opened is waited for, milliseconds. */
const closingMs = 2_000;

export async function examine(configuration: Configuration, options: ExamineOptions): Promise<Examination> {
  const { role, timeoutMs, now } = options;
  const asked = role === undefined ? roles : [role];
  const faults = configuration.problems(role === undefined ? ["jobs"] : [role]);
  const closers: (() => Promise<unknown>)[] = [];
  const defer = (close: () => Promise<unknown>) => void closers.push(close);
  const checks: Check[] = [
    { name: "configuration", run: async () => settingsFindings(configuration, asked) },
    { name: "secrets", run: async () => secretFindings(configuration, asked) },
    ...(await partChecks(configuration, role, faults.length > 0, now, defer)),
  ];
  const results = await runChecks(checks, timeoutMs);
  await within(Promise.allSettled(closers.map((close) => close())), closingMs);
  return { severity: gravest(results.map(({ severity }) => severity)), checks: results };
}

async function partChecks(
  configuration: Configuration,
  role: Role | undefined,
  isFaulty: boolean,
  now: number,
  defer: (close: () => Promise<unknown>) => void,
): Promise<Check[]> {
  const config: Config = { ...configuration.config, fault: undefined };
  // What would be looked at is not what was meant.
  if (isFaulty)
    return [
      { name: "store, blobs and Kafka", run: async () => [skipped("the configuration is wrong")] },
      ...versionChecks(config),
    ];
  const serves = role === undefined || role === "api" || role === "frontier";
  const usesFolder = config.store.engine === "embedded" || config.blobs.engine === "folder";
  const usesStore = config.store.engine !== "none" && !(role === "frontier" && config.kafka !== undefined);
  const store = once<OpenStore>(() => openToLook(config), defer);
  const blobs = once<BlobStore>(() => openBlobs(withoutMaking(config)), defer);
  const kafka = config.kafka === undefined ? [] : (await import("./kafkaChecks.ts")).kafkaChecks(config.kafka, defer);
  return [
    ...(serves || usesFolder ? folderChecks(config, configuration.serve, usesFolder) : []),
    ...(usesStore ? storeChecks(store, now) : []),
    ...blobChecks(config, blobs),
    ...kafka,
    ...versionChecks(config),
  ];
}

/** A missing bucket is told, not made. */
function withoutMaking(config: Config): Config {
  if (config.blobs.engine === "folder") return config;
  return { ...config, blobs: { ...config.blobs, createMissing: false } };
}

function once<T extends { close(): Promise<void> }>(
  open: () => Promise<T>,
  defer: (close: () => Promise<unknown>) => void,
): () => Promise<T> {
  let opening: Promise<T> | undefined;
  return () => {
    if (opening === undefined) {
      opening = open();
      const opened = opening;
      // What did not open needs no closing; its error went to whoever asked.
      defer(() =>
        opened.then(
          (it) => it.close(),
          () => undefined,
        ),
      );
    }
    return opening;
  };
}

function settingsFindings(configuration: Configuration, asked: readonly Role[]): Finding[] {
  const seen = new Set<string>();
  const findings: Finding[] = [];
  for (const role of asked)
    for (const { message, hint } of configuration.allProblems([role])) {
      if (seen.has(message)) continue;
      seen.add(message);
      findings.push(failure(`${role}: ${message}`, hint));
    }
  const { mode, because } = configuration.choice;
  return findings.length > 0 ? findings : [ok(`${mode} mode (${because})`)];
}

/** The secrets of development are public: fine on a machine of one's own, and said elsewhere. */
function secretFindings(configuration: Configuration, asked: readonly Role[]): Finding[] {
  const { choice, settings, isProduction, serve } = configuration;
  // There they are failures of the configuration.
  if (isProduction) return [ok("by the rules of production, among the configuration")];
  const isOwn = /^(localhost|127\..*|::1)$/.test(serve.host);
  const used = configuration.inUse(asked);
  const names = (["BLOB_URI_SECRET", "S3_ACCESS_KEY", "S3_SECRET_KEY"] as const).filter(
    (name) => used.has(name) && !settings.isSet(name),
  );
  if (names.length === 0) return [ok("none has its public default")];
  const text = `${names.join(", ")}: the public default`;
  if (isOwn && choice.mode === "embedded") return [ok(`${text}, enough for a server that only this machine reaches`)];
  return [warning(text, "Anybody can know it. Set your own: `matyan config check --production` tells how.")];
}
