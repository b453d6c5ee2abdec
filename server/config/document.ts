// The table of variables as docs/configuration.md has it; a test compares the two.
import { type Role, roles } from "./types.ts";
import { type Group, groups, names, type Variable, variableOf } from "./variables.ts";

/** One table of Markdown for each group, under its title. */
export function variableTables(): string {
  return (Object.keys(groups) as Group[])
    .map((group) => {
      const rows = names.flatMap((name) => {
        const variable = variableOf(name);
        return variable.group === group ? [row(name, variable)] : [];
      });
      const head = ["| variable | kind | default | read by | |", "| --- | --- | --- | --- | --- |"];
      return [`### ${groups[group]}`, "", ...head, ...rows].join("\n");
    })
    .join("\n\n");
}

function row(
  name: (typeof names)[number],
  { kind, default: fallback, roles: readers, about, alias, secret }: Variable<unknown>,
): string {
  // Also those of secrets: they are public, which is why production refuses them.
  const value = fallback === undefined ? "" : `\`${kind.format(fallback)}\``;
  const title = alias === undefined ? `\`${name}\`` : `\`${name}\`, else \`${alias}\``;
  const text = secret ? `${about} Secret.` : about;
  return `| ${title} | ${kind.name.replaceAll("|", "\\|")} | ${value} | ${readersText(readers)} | ${text} |`;
}

function readersText(readers: readonly Role[]): string {
  const others = roles.filter((role) => !readers.includes(role));
  if (readers.length === 0) return "nobody";
  if (others.length === 0) return "all";
  return others.length === 1 ? `all but ${others[0]}` : readers.join(", ");
}
