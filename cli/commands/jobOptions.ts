// What the maintenance jobs have in common: their options, the lock that they hold, and how long ago things must be.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { BlobStore } from "../../server/blobs/index.ts";
import { Configuration, type JobSettings, processSources } from "../../server/config.ts";
import { JobLock, type JobName } from "../../server/jobs/jobLock.ts";
import { safeAge } from "../../server/jobs/messageLife.ts";
import { parseDuration } from "../../server/listing/duration.ts";
import { openBus, openStack } from "../../server/stack.ts";
import type { Store } from "../../server/store/index.ts";
import type { CommonOptions, Context } from "../runtime.ts";
import { shortDuration } from "../ui/numbers.ts";
import { parseCount } from "./options.ts";

export interface JobOptions extends CommonOptions {
  readonly dryRun?: boolean;
  readonly lockTtlSeconds?: number;
}

/** Where neither an option nor the environment says how long a lock outlives a job that died, seconds. */
const usualLockSeconds = 600;

export function addJobOptions(command: Command): Command {
  return command
    .option("--dry-run", "only say what would be done; changes nothing and takes no lock")
    .option(
      "--lock-ttl-seconds <n>",
      "how long the job's lock outlives a job that died; 0 for no lock (default: $CLEANUP_JOB_LOCK_TTL_SECONDS, else 600)",
      parseCount,
    );
}

/** `24h`, `7d`, `1h30m`, `2 days`; a number alone is hours. Seconds. */
function parseAge(text: string): number {
  const seconds = parseDuration(/^\s*\d+(\.\d+)?\s*$/.test(text) ? `${text}h` : text);
  if (seconds === undefined) throw new InvalidArgumentError("It must be a duration, such as 30m, 24h or 7d.");
  return seconds;
}

/** An option that `parseAge` reads; `usual` is its default, as people type it. */
export function ageOption(flags: string, description: string, usual: string): Option {
  return new Option(flags, description).argParser(parseAge).default(parseAge(usual), usual);
}

export function jobSettings({ data }: CommonOptions): JobSettings {
  return new Configuration(processSources({ MATYAN_DATA: data })).jobs;
}

export interface Job {
  /** Its transactions fail once the lock is another's. */
  readonly store: Store;
  readonly blobs: BlobStore;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly signal: AbortSignal;
  readonly assertHeld: () => Promise<void>;
}

/** Runs a job under its lock, or without one where nothing is changed. @throws MatyanError `busy` while another runs it */
export async function runJob<T>(
  { config, signal }: Context,
  name: JobName,
  options: JobOptions,
  body: (job: Job) => Promise<T>,
): Promise<T> {
  const { lockSeconds } = jobSettings(options);
  const readNow = () => Date.now() / 1_000;
  const isDry = options.dryRun ?? false;
  const ttl = options.lockTtlSeconds ?? (lockSeconds > 0 ? lockSeconds : usualLockSeconds);
  await using stack = await openStack(config, { missing: "fail", access: isDry ? "read" : "write" });
  const { store, blobs } = stack;
  if (isDry || ttl === 0)
    return await body({ store, blobs, now: readNow(), signal, assertHeld: () => Promise.resolve() });
  const stop = new AbortController();
  await using lock = await JobLock.acquire(store, name, { ttl, now: readNow, lost: (error) => stop.abort(error) });
  return await body({
    ...{ store: lock.store, blobs, now: readNow() },
    signal: AbortSignal.any([signal, stop.signal]),
    assertHeld: () => lock.assertHeld(),
  });
}

/** `asked` seconds, or as long as Kafka keeps messages where that is longer, which is said. */
export async function ageBeyondMessages({ config, out }: Context, asked: number): Promise<number> {
  if (config.fault !== undefined) throw config.fault;
  const bus = await openBus(config, { clientId: "matyan-jobs", warn: out.warn });
  if (bus === undefined || config.kafka === undefined) return asked;
  try {
    const { ingestion, control } = config.kafka.topics;
    const age = await safeAge(asked, bus, [ingestion, control]);
    if (age > asked)
      out.warn(`${shortDuration(asked)} is less than Kafka keeps messages: ${shortDuration(age)} is taken instead`);
    return age;
  } finally {
    await bus.close();
  }
}
