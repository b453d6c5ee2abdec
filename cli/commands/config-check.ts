// `matyan config check`: whether processes of a role can start with the settings in effect.
import { Configuration, type Problem, processSources, type Role, roles } from "../../server/config.ts";
import { type CommonOptions, type Context, type Define, examples, execute, exitCodes } from "../runtime.ts";
import { counted } from "../ui/numbers.ts";
import { safeText } from "../ui/text.ts";

interface Options {
  readonly production?: boolean;
  readonly role?: Role;
}

const notes = `
Nothing is connected to. With --production, or MATYAN_ENVIRONMENT=production, defaults of development, public secrets and
addresses of this machine are problems too: services refuse to start with them then, and name them all. Exit code 2 when
there is a problem.

api is \`matyan serve --role api\`, frontier \`serve --role frontier\`, jobs are all commands that open the store and end.`;

export const define: Define = (command) => {
  command
    .description("Check the settings in effect: each value, what they add up to, and the rules of production.")
    .option("--production", "by the rules of production, whatever MATYAN_ENVIRONMENT says")
    .addOption(
      command
        .createOption("--role <role>", "only for processes of this role; all of them without it")
        .choices([...roles]),
    )
    .addHelpText("after", notes)
    .addHelpText("after", examples("matyan config check", "matyan config check --production --role frontier"))
    .action(execute<[], Options>(check));
};

async function check({ out }: Context, options: Options & CommonOptions): Promise<number> {
  const configuration = new Configuration(processSources({ MATYAN_DATA: options.data }));
  const isProduction = options.production ?? configuration.isProduction;
  const checked = (options.role === undefined ? roles : [options.role]).map((role) => {
    return { role, problems: configuration.allProblems([role], isProduction) };
  });
  const isFine = checked.every(({ problems }) => problems.length === 0);
  out.record({
    ok: isFine,
    production: isProduction,
    mode: configuration.choice.mode,
    roles: checked.map(({ role, problems }) => ({ role, problems: problems.map(problemToJson) })),
  });
  const rules = isProduction ? ", by the rules of production" : "";
  out.info(`${configuration.choice.mode} mode (${configuration.choice.because})${rules}`);
  for (const { role, problems } of checked) {
    out.line(
      `${role}: ${problems.length === 0 ? out.style.green("ok") : out.style.red(counted(problems.length, "problem"))}`,
    );
    for (const { message, hint } of problems) out.line(safeText(`  ${message}. ${hint}`));
  }
  return isFine ? exitCodes.done : exitCodes.usage;
}

function problemToJson({ name, message, hint }: Problem): object {
  return { name, message, hint };
}
