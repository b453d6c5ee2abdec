// Compiles the command line to one executable. Usage: bun scripts/build.ts [OUTFILE]
import { resolve } from "node:path";
import type { BunPlugin } from "bun";

/** Ink asks for its debugger only when DEV is set; an executable has no place to load it from. */
const withoutDevtools: BunPlugin = {
  name: "without-devtools",
  setup(build) {
    build.onResolve({ filter: /^react-devtools-core$/ }, ({ path }) => ({ path, namespace: "empty" }));
    build.onLoad({ filter: /.*/, namespace: "empty" }, () => ({ contents: "export default {}", loader: "js" }));
  },
};

/** Files that run in threads of their own: an executable must be told of them. */
const workers: readonly string[] = ["server/archive/tensorboard/segmentWorker.ts"];

const outfile = resolve(process.argv[2] ?? "dist/matyan");
const result = await Bun.build({
  entrypoints: ["cli/main.ts", ...workers],
  // The program reads .env by itself; Bun would take .env.local and others too.
  compile: { outfile, autoloadDotenv: false },
  minify: { whitespace: true, syntax: true },
  bytecode: true,
  format: "esm",
  plugins: [withoutDevtools],
});
for (const log of result.logs) console.error(log);
console.log(outfile);
