// What doctor found, as lines that fit the terminal.
import type { CheckResult, Severity } from "../../server/doctor/checks.ts";
import { fill } from "./helpText.ts";
import type { Style } from "./style.ts";
import { padText, safeText } from "./text.ts";

const nameWidth = 22;

/** A line for each finding, with what to do about it below; `onlyTrouble` leaves out what is right. */
export function checkLines(
  { name, findings }: Pick<CheckResult, "name" | "findings">,
  style: Style,
  width: number,
  onlyTrouble: boolean,
): string[] {
  const indent = " ".repeat(nameWidth + 10);
  const filled = (text: string) => fill(safeText(text).split(" "), Math.max(20, width - indent.length));
  return findings
    .filter(({ severity }) => !onlyTrouble || severity === "warning" || severity === "failure")
    .flatMap(({ severity, message, hint }, i) => {
      const title = padText(i === 0 || onlyTrouble ? name : "", nameWidth);
      const [first, ...more] = [...filled(message), ...(hint === undefined ? [] : filled(hint))];
      return [`${mark(severity, style)} ${title} ${first}`, ...more.map((line) => indent + line)];
    });
}

/** Words, not colours alone: they are read without colours too. */
function mark(severity: Severity, style: Style): string {
  const paint = { ok: style.green, skipped: style.dim, warning: style.yellow, failure: style.red }[severity];
  return paint(padText(severity, 8));
}
