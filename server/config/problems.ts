// What is wrong with a configuration: all of it at once, and never a secret among it.
import { MatyanError } from "../../formats/error.ts";

export interface Problem {
  /** The variable, or the option that came before it. */
  readonly name: string;
  /** What is wrong, naming the variable. */
  readonly message: string;
  readonly hint: string;
}

/** One error for all that is wrong; its `problems` are what programs look at. */
export class ConfigError extends MatyanError {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], heading?: string) {
    const [first] = problems;
    if (problems.length === 1 && heading === undefined) super("usage", first!.message, { hint: first!.hint });
    else
      super(
        "usage",
        [
          heading ?? `${problems.length} settings are wrong`,
          ...problems.map(({ message, hint }) => `  ${message}: ${hint.charAt(0).toLowerCase()}${hint.slice(1)}`),
        ].join("\n"),
        { hint: "`matyan config` shows all settings, and where each comes from." },
      );
    this.problems = problems;
  }
}

const hidden = "***";

/**
 * Text without what might be a secret in it: passwords in URLs, keys of connection strings, signatures of SAS tokens. For
 * values that are not secrets themselves; secret ones are not shown at all.
 */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/(?<=\/\/)[^\s/@]*@/g, `${hidden}@`)
    .replaceAll(/[^\s/,@]+:[^\s,@]*@/g, `${hidden}@`)
    .replaceAll(
      /\b(accountkey|sharedaccesssignature|sharedaccesskey|password|secret|sig)=[^;&\s"']*/gi,
      `$1=${hidden}`,
    );
}
