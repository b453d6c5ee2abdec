// `matyan doctor`: looks at every part that the configuration names, and says what to do.
import { Configuration, processSources, type Role, roles } from "../../server/config.ts";
import { examine, type Severity } from "../../server/doctor/index.ts";
import { type CommonOptions, type Context, type Define, examples, execute, exitCodes } from "../runtime.ts";
import { checkLines } from "../ui/checkLines.ts";
import { counted } from "../ui/numbers.ts";
import { countBetween } from "./options.ts";

interface Options {
  readonly role?: Role;
  readonly timeout: number;
}

const notes = `
Everything is looked at side by side. Nothing is changed; only the place of the blobs gets a probe, which is deleted again.
A check that can't be made is skipped and says why. Exit code 0 when all is well or there are only warnings, 1 for a failure.`;

export const define: Define = (command) => {
  command
    .description("Check the settings, the data folder, the store, the blobs, Kafka, ports and versions.")
    .addOption(command.createOption("--role <role>", "only what processes of this role use").choices([...roles]))
    .option("--timeout <seconds>", "how long each check may take", countBetween(1, 3_600), 10)
    .addHelpText("after", notes)
    .addHelpText("after", examples("matyan doctor", "matyan doctor --role frontier --json"))
    .action(execute<[], Options>(check));
};

async function check({ out }: Context, options: Options & CommonOptions): Promise<number> {
  const configuration = new Configuration(processSources({ MATYAN_DATA: options.data }));
  const { severity, checks } = await examine(configuration, {
    role: options.role,
    timeoutMs: options.timeout * 1_000,
    now: Date.now() / 1_000,
  });
  out.record({
    ok: severity !== "failure",
    severity,
    checks: checks.map(({ name, severity: grade, findings, seconds }) => ({
      ...{ name, severity: grade, seconds },
      findings: findings.map(({ hint, ...finding }) => ({ ...finding, hint: hint ?? null })),
    })),
  });
  for (const result of checks) for (const line of checkLines(result, out.style, out.width, out.quiet)) out.line(line);
  const count = (grade: Severity) => checks.filter((result) => result.severity === grade).length;
  out.info(
    `${counted(checks.length, "check")}: ${counted(count("failure"), "failure")}, ${counted(count("warning"), "warning")}, ${count("skipped")} skipped`,
  );
  return severity === "failure" ? exitCodes.failed : exitCodes.done;
}
