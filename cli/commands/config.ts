// `matyan config`: the settings in effect, and where each comes from.
import {
  Configuration,
  type Group,
  groups,
  type Name,
  names,
  processSources,
  type Role,
  roles,
  type Setting,
  show,
  variableOf,
} from "../../server/config.ts";
import { type CommonOptions, type Context, type Define, examples, execute } from "../runtime.ts";
import { addFormatOption, inFormat, type TableFormat } from "../ui/csvOutput.ts";
import { layOut, type Row, tableLine, titleLine } from "../ui/table.ts";
import { safeText } from "../ui/text.ts";

interface Options {
  readonly all?: boolean;
  readonly role?: Role;
  readonly format: TableFormat;
}

const notes = `
Sources, the first that sets a variable counts: options, the environment, the file .env in the working directory, the
default. Names count in any case; an empty value counts as not set. Secrets are shown as ***. Variables in brackets do not
count as things are: they belong to an engine that is not chosen. All variables: docs/configuration.md.`;

export const define: Define = (command) => {
  addFormatOption(command)
    .description("Print the settings in effect, where each comes from, and which engines follow from them.")
    .option("--all", "variables too that are accepted and have no effect")
    .addOption(command.createOption("--role <role>", "only what processes of this role read").choices([...roles]))
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan config",
        "KAFKA_BOOTSTRAP_SERVERS=kafka:9092 matyan config --role frontier",
        "matyan config --json",
      ),
    )
    .action(execute<[], Options>(print));
};

async function print({ out }: Context, options: Options & CommonOptions): Promise<void> {
  const configuration = new Configuration(processSources({ MATYAN_DATA: options.data }));
  const asked = options.role === undefined ? roles : [options.role];
  const { choice } = configuration;
  const used = configuration.inUse(asked);
  const listed = names.filter((name) => {
    const { group, roles: readers } = variableOf(name);
    if (group === "ignored") return options.all ?? false;
    return asked.some((role) => readers.includes(role));
  });
  const settings = listed.map((name) => configuration.settings.all.get(name)!);
  const problems = configuration.problems(asked);
  if (options.format === "csv" && !out.json) {
    const rows = inFormat(out, options.format, settingFields);
    for (const setting of settings) rows.record(settingToJson(setting, used.has(setting.name)));
    return;
  }
  out.record({
    ...choice,
    store: choice.store ?? null,
    settings: settings.map((setting) => settingToJson(setting, used.has(setting.name))),
    problems: problems.map(({ name, message, hint }) => ({ name, message, hint })),
  });
  out.line(`${choice.mode} mode: ${choice.because}`);
  out.line(`store ${choice.store ?? "none"}, blobs ${choice.blobs}, bus ${choice.bus}`);
  const columns = [
    { title: "variable", importance: 100 },
    { title: "from", importance: 80 },
    { title: "value", importance: 50, min: 20 },
  ];
  const rows = settings.map((setting) => rowOf(setting, used.has(setting.name), out.style));
  const layout = layOut(columns, rows, out.width);
  out.line("");
  out.line(titleLine(columns, layout, out.style));
  let group: Group | undefined;
  for (const [index, { name }] of settings.entries()) {
    const own = variableOf(name).group;
    if (own !== group) out.line(out.style.cyan(groups[own]));
    group = own;
    out.line(tableLine(columns, layout, rows[index]!));
  }
  for (const { message, hint } of problems) out.warn(`${message}. ${hint}`);
}

const settingFields = ["name", "value", "source", "set_as", "blank", "used", "secret", "problem"];

function rowOf({ name, value, source, setAs, problem }: Setting, isUsed: boolean, style: Context["out"]["style"]): Row {
  const paint = problem !== undefined ? style.red : source !== "default" ? style.bold : isUsed ? undefined : style.dim;
  const from = setAs === undefined ? source : `${source} (${setAs})`;
  return [
    { text: `  ${isUsed ? name : `[${name}]`}`, paint },
    { text: from, paint },
    { text: safeText(problem === undefined ? show(name, value) : "wrong"), paint },
  ];
}

function settingToJson({ name, value, source, setAs, isBlank, problem }: Setting, isUsed: boolean): object {
  return {
    name,
    value: jsonValue(name, value),
    source,
    set_as: setAs ?? null,
    blank: isBlank,
    used: isUsed,
    secret: variableOf(name).secret ?? false,
    problem: problem?.message ?? null,
  };
}

function jsonValue(name: Name, value: unknown): unknown {
  if (value === undefined) return null;
  return typeof value === "number" || typeof value === "boolean" ? value : show(name, value);
}
