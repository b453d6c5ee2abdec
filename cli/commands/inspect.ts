// `matyan inspect`: the store's keys and values as JSON lines.
import { withStore } from "../../server/listing/open.ts";
import { type InspectDirectory, type InspectedEntry, inspectStore } from "../../server/store/inspect.ts";
import { storedToJson } from "../json.ts";
import { type Define, examples, execute } from "../runtime.ts";
import { parseCount } from "./options.ts";

interface Options {
  readonly prefix?: string;
  readonly limit?: number;
}

/** What is printed when no directory is named: the data, without the directory layer's own bookkeeping. */
const dataDirectories = ["runs", "indexes", "system"] as const;

export const define: Define = (command) => {
  command
    .description("Print the store's keys and values, decoded, as JSON lines in key order.")
    .addArgument(
      command
        .createArgument("[directory]", "a part of the store; the first three when left out")
        .choices([...dataDirectories, "directories"]),
    )
    .option("--prefix <path>", "only keys below this path of elements, separated by /")
    .option("--limit <n>", "at most so many keys of each directory", parseCount)
    .addHelpText(
      "after",
      `
Each line: dir, key (its elements), khex and vhex (the bytes), value (decoded). A float has a point (1.0), an integer
has none; {"$f":"nan"} and {"$bytes":n,"b64":...} stand for what JSON cannot say; error says what cannot be read.

In a path the first element is text; others are numbers, true or false where they look like it, else text. Double
quotes make anything text ("1", "a/b"); a * at the end stands for the rest of a text.`,
    )
    .addHelpText(
      "after",
      examples(
        "matyan inspect",
        "matyan inspect runs --prefix 3f9c1a20*",
        "matyan inspect runs --prefix 3f9c1a20b81e4c0d9a7e6f5a4b3c2d1e/meta",
        "matyan inspect indexes --prefix hparam/lr --limit 20",
      ),
    )
    .action(
      execute<[InspectDirectory | undefined], Options>(({ config, out, signal }, { prefix, limit }, directory) =>
        withStore(config, async (store) => {
          for (const dir of directory === undefined ? dataDirectories : [directory])
            for await (const batch of inspectStore(store, dir, { prefix, limit })) {
              signal.throwIfAborted();
              for (const entry of batch) out.raw(entryLine(entry));
              // Lets Ctrl-C and a reader that went away be noticed between batches.
              await Bun.sleep(0);
            }
        }),
      ),
    );
};

function entryLine({ dir, key, khex, vhex, value, error }: InspectedEntry): string {
  const parts = [`{"dir":"${dir}"`];
  if (key !== undefined) parts.push(`"key":${storedToJson(key)}`);
  parts.push(`"khex":"${khex}"`, `"vhex":"${vhex}"`);
  if (value !== undefined) parts.push(`"value":${storedToJson(value)}`);
  if (error !== undefined) parts.push(`"error":${storedToJson(error)}`);
  return `${parts.join(",")}}\n`;
}
