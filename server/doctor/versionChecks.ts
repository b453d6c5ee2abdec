// What doctor says of versions: of Bun, FoundationDB's client library, and the Python clients of this machine.
import manifest from "../../package.json" with { type: "json" };
import type { Config } from "../config.ts";
import { type Check, type Finding, failure, ok, skipped, warning } from "./checks.ts";

const testedClients = ["0.1.0", "0.2.0", "0.3.0"];
const askPython = `import importlib.metadata as m
for d in m.distributions():
    n = d.metadata["Name"] or ""
    if n.lower().replace("_", "-") in ("matyan-client", "matyan-api-models"): print(n, d.version)`;

export function versionChecks({ store }: Config): Check[] {
  return [
    {
      name: "Bun",
      run: async () => {
        const wanted = manifest.engines.bun;
        if (Bun.semver.satisfies(Bun.version, wanted)) return [ok(Bun.version)];
        return [failure(`${Bun.version}, and ${wanted} is needed`, "Upgrade it: bun upgrade.")];
      },
    },
    { name: "Python client", run: pythonClients },
    ...(store.engine !== "foundationdb"
      ? []
      : [
          {
            name: "libfdb_c",
            run: async () => {
              const [{ findLibrary }, { apiVersions, loadClient }] = await Promise.all([
                import("../kv/foundationdb/library.ts"),
                import("../kv/foundationdb/native.ts"),
              ]);
              const path = findLibrary(store.library, (at) => {
                loadClient(at);
                return at;
              });
              const { oldest, newest } = apiVersions;
              if (store.apiVersion >= oldest && store.apiVersion <= newest)
                return [ok(`${path}, API version ${store.apiVersion}`)];
              return [failure(`API version ${store.apiVersion} is not ${oldest} to ${newest}`, "Set FDB_API_VERSION.")];
            },
          },
        ]),
  ];
}

async function pythonClients(): Promise<Finding[]> {
  const python = Bun.which("python3") ?? Bun.which("python");
  if (python === null) return [skipped("no Python on PATH")];
  const child = Bun.spawn([python, "-c", askPython], { stdio: ["ignore", "pipe", "ignore"], timeout: 10_000 });
  const [text, code] = await Promise.all([child.stdout.text(), child.exited]);
  if (code !== 0) return [skipped(`${python} does not list its packages (exit code ${code})`)];
  const found = text.split("\n").filter((line) => line !== "");
  if (found.length === 0) return [skipped(`not installed for ${python}`)];
  return found.map((line) => {
    const version = line.split(" ")[1] ?? "";
    if (testedClients.includes(version)) return ok(line);
    return warning(`${line} is no version that this server was tested with`, `Tested: ${testedClients.join(", ")}.`);
  });
}
