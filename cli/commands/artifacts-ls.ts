// `matyan artifacts ls`: the files of a run.
import { openArtifactPlace } from "../client/artifactPlace.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { addFormatOption, inFormat, type TableFormat } from "../ui/csvOutput.ts";
import { counted, groupDigits } from "../ui/numbers.ts";
import { tableLines } from "../ui/table.ts";
import { safeText } from "../ui/text.ts";

interface Options {
  readonly format: TableFormat;
  readonly url?: string;
}

export const define: Define = (command) => {
  addFormatOption(command)
    .argument("<run>", "the run's hash, or a beginning of it that no other run shares")
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .addHelpText("after", "\nServers of the existing services do not tell sizes and types.")
    .addHelpText("after", examples("matyan artifacts ls 3f9c1a20", "matyan artifacts ls 3f9c1a20 --json | jq -r .path"))
    .action(execute<[string], Options>(listOfRun));
};

async function listOfRun(context: Context, options: Options, run: string): Promise<void> {
  const { config, signal } = context;
  await using place = await openArtifactPlace(run, {
    url: options.url,
    config,
    access: "read",
    signal,
    onTrouble: context.out.warn,
  });
  const artifacts = await place.list();
  const out = inFormat(context.out, options.format, ["path", "size", "content_type", "uri", "missing"]);
  for (const { path, contentType, size, uri } of artifacts)
    out.record({ path, size: size ?? null, content_type: contentType ?? null, uri, missing: size === null });
  if (artifacts.length === 0) {
    if (!out.json && !out.quiet) out.rawError("The run has no artifacts.\n");
    return;
  }
  const rows = artifacts.map(({ path, contentType, size, uri }) => [
    { text: safeText(path), paint: out.style.yellow },
    size === null ? { text: "missing", paint: out.style.red } : size === undefined ? "" : groupDigits(size),
    safeText(contentType ?? uri),
  ]);
  const isTold = artifacts.some(({ contentType }) => contentType !== undefined);
  const columns = [
    { title: "path", importance: 100, min: 12 },
    { title: isTold ? "bytes" : "", importance: 80, align: "right" as const },
    { title: isTold ? "type" : "uri", importance: 40, min: 8 },
  ];
  for (const line of tableLines(columns, rows, out.width, out.style)) out.line(line);
  out.info(out.style.dim(counted(artifacts.length, "artifact")));
}
