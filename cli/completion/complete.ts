// What may stand where the cursor is. Nothing here fails: a prompt is no place for errors.
import type { Command } from "commander";
import { processSources, readConfig } from "../../server/config.ts";
import { sortNames } from "../../server/listing/select.ts";
import { openStoreOnly } from "../../server/stack.ts";
import type { Store } from "../../server/store/index.ts";
import { buildCommand } from "../buildCommand.ts";
import { commands, families } from "../commands/index.ts";
import { fieldNames } from "../ui/runColumns.ts";
import { safeText } from "../ui/text.ts";
import { entityCandidates, lockCandidates, metricCandidates, runCandidates } from "./storeNames.ts";
import { findCommand, firstWord, joinBreaks, locate, type Place } from "./words.ts";

export interface Candidate {
  readonly value: string;
  /** What a shell that can shows beside it. */
  readonly about?: string;
}

/** `files`, `folders`: the shell's own completion of paths comes beside the candidates. */
export type Paths = "files" | "folders" | "none";

export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly paths: Paths;
}

type Kind =
  | "command"
  | "run"
  | "runs"
  | "experiment"
  | "tag"
  | "metric"
  | "columns"
  | "sort"
  | "lock"
  | "files"
  | "folders";

/** A key press must not wait for a store that is away, in milliseconds. */
const patienceMs = 2_000;

const optionKinds: Readonly<Record<string, Kind>> = {
  "--columns": "columns",
  "--data": "folders",
  "--experiment": "experiment",
  "--from": "files",
  "--metric": "metric",
  "--out": "folders",
  "--output": "files",
  "--runs": "runs",
  "--sort": "sort",
  "--tag": "tag",
  "--to": "files",
  "--ui": "files",
};

const argumentKinds: Readonly<Record<string, Kind>> = {
  a: "run",
  archive: "files",
  b: "run",
  command: "command",
  file: "files",
  hash: "run",
  lock: "lock",
  logdir: "folders",
  out: "files",
  path: "files",
  run: "run",
  tag: "tag",
  wheel: "files",
};

const nothing: Completion = { candidates: [], paths: "none" };

/** `words` are those behind `matyan`, the last of them the one that is being typed, `""` where nothing of it is. */
export async function complete(words: readonly string[]): Promise<Completion> {
  const joined = joinBreaks(words);
  const before = joined.slice(0, -1);
  const current = joined.at(-1) ?? "";
  const found = findCommand(before);
  if (found === undefined) return beginning(before, current);
  const shared = before.slice(0, firstWord(before)).filter((word) => word !== "help");
  const place = locate(await buildCommand(found.entry), [...shared, ...before.slice(found.from)], current);
  const { candidates, paths } = await atPlace(place);
  return { candidates: candidates.map(({ value, ...more }) => ({ value: `${place.lead}${value}`, ...more })), paths };
}

function beginning(before: readonly string[], current: string): Completion {
  const [family, ...more] = before.slice(firstWord(before));
  if (more.length > 0 || (family !== undefined && families[family] === undefined)) return nothing;
  const listed = commands.filter(({ hidden }) => !hidden);
  const candidates: Candidate[] =
    family !== undefined
      ? listed
          .filter(({ path }) => path[0] === family && path[1] !== undefined)
          .map(({ path, summary }) => ({ value: path[1]!, about: summary }))
      : [
          ...listed
            .filter(({ path }) => path.length === 1)
            .map(({ path, summary }) => ({ value: path[0], about: summary })),
          ...Object.entries(families).map(([value, about]) => ({ value, about })),
          { value: "help", about: "help on a command" },
        ];
  return { candidates: beginningWith(current, candidates), paths: "none" };
}

async function atPlace(place: Place): Promise<Completion> {
  const { command, typed, option, argument } = place;
  if (place.at === "option") return { candidates: beginningWith(typed, optionsOf(command)), paths: "none" };
  const choices = option?.argChoices ?? argument?.argChoices;
  if (choices !== undefined) return { candidates: beginningWith(typed, named(choices)), paths: "none" };
  const kind = option === undefined ? argumentKinds[argument?.name() ?? ""] : optionKinds[option.long ?? ""];
  if (kind === undefined) return nothing;
  if (kind === "files" || kind === "folders") return { candidates: [], paths: kind };
  if (kind === "command") return beginning(place.arguments, typed);
  // Names of a server's store cannot be asked for in the time of a key press.
  const stored = place.options.has("--url") ? [] : await fromStore(place, kind);
  if (kind === "columns") return { candidates: listItem(typed, [...named(fieldNames), ...stored]), paths: "none" };
  if (kind === "sort") {
    const sign = typed.startsWith("-") ? "-" : "";
    const keys = [...named(sortNames), ...stored].map(({ value }) => ({ value: `${sign}${value}` }));
    return { candidates: beginningWith(typed, keys), paths: "none" };
  }
  return { candidates: stored, paths: "none" };
}

function optionsOf(command: Command): Candidate[] {
  const options = command.options.filter(({ hidden, long }) => !hidden && long !== undefined);
  return [
    ...options.map(({ long, description }) => ({ value: long!, about: description })),
    { value: "--help", about: "print help" },
  ];
}

async function fromStore({ typed, options, arguments: words }: Place, kind: Kind): Promise<Candidate[]> {
  const asked = withStoreSoon(options.get("--data"), async (store) => {
    switch (kind) {
      case "run":
        return (await runCandidates(store, typed)).filter(({ value }) => !words.some((word) => value.startsWith(word)));
      case "runs": {
        const start = typed.lastIndexOf(",") + 1;
        return listItem(typed, await runCandidates(store, typed.slice(start)));
      }
      case "experiment":
      case "tag":
        return beginningWith(typed, await entityCandidates(store, kind));
      case "metric":
        return beginningWith(typed, await metricCandidates(store, words));
      case "columns":
      case "sort":
        return (await metricCandidates(store, [])).map(({ value }) => ({ value: `metric:${value}` }));
      case "lock":
        return beginningWith(typed, await lockCandidates(store));
      default:
        return [];
    }
  });
  return await asked.catch(() => []);
}

/** Fails also for settings that are wrong. */
async function withStoreSoon(
  data: string | undefined,
  body: (store: Store) => Promise<Candidate[]>,
): Promise<Candidate[]> {
  const read = async () => {
    const config = readConfig(processSources({ MATYAN_DATA: data }));
    await using stack = await openStoreOnly(config, { missing: "fail", access: "read" });
    return await body(stack.store);
  };
  return await Promise.race([read(), Bun.sleep(patienceMs).then(() => [])]);
}

/** Of a list with commas only the last item is still being typed. */
function listItem(typed: string, candidates: readonly Candidate[]): Candidate[] {
  const start = typed.lastIndexOf(",") + 1;
  const done = typed.slice(0, start);
  const given = done.split(",");
  return beginningWith(typed.slice(start), candidates)
    .filter(({ value }) => !given.includes(value))
    .map((candidate) => ({ ...candidate, value: `${done}${candidate.value}` }));
}

function named(values: readonly string[]): Candidate[] {
  return values.map((value) => ({ value }));
}

function beginningWith(typed: string, candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(typed));
}

/** The answer to a shell: `paths` on the first line, then a candidate a line, with a tab before what it is about. */
export function completionText({ candidates, paths }: Completion): string {
  // A name with a control character cannot be typed, and would break the lines.
  const typeable = candidates.filter(({ value }) => value === safeText(value));
  return [paths, ...typeable.map(({ value, about }) => (about ? `${value}\t${safeText(about)}` : value)), ""].join(
    "\n",
  );
}
