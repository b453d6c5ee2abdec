// Compiles the command line to one executable, and writes its manual beside it. Usage: bun scripts/build.ts [OUTFILE]
import { dirname, join, resolve } from "node:path";
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

/** One word or line of git about the commit that is built; undefined where the sources came without it. */
function git(...args: string[]): string | undefined {
  const { exitCode, stdout } = Bun.spawnSync(["git", ...args], {
    cwd: resolve(import.meta.dir, ".."),
    stderr: "ignore",
  });
  return exitCode === 0 ? stdout.toString().trim() : undefined;
}

const commit = git("describe", "--always", "--dirty", "--abbrev=10", "--exclude=*");
const commitTime = git("log", "-1", "--format=%cI");
const outfile = resolve(process.argv[2] ?? "dist/matyan");
const result = await Bun.build({
  entrypoints: ["cli/main.ts", ...workers],
  // The program reads .env by itself; Bun would take .env.local and others too.
  compile: { outfile, autoloadDotenv: false },
  minify: { whitespace: true, syntax: true },
  bytecode: true,
  format: "esm",
  define: {
    MATYAN_COMMIT: JSON.stringify(commit) ?? "undefined",
    MATYAN_COMMIT_TIME: JSON.stringify(commitTime) ?? "undefined",
  },
  plugins: [withoutDevtools],
});
for (const log of result.logs) console.error(log);
console.log(outfile);
// The manual is the executable's own.
const pages = Bun.spawnSync([outfile, "man", "--out", join(dirname(outfile), "man")], { stderr: "inherit" });
if (pages.exitCode !== 0) process.exit(1);
console.log(pages.stdout.toString().trim());
