// `"{name:>5}".format_map(mapping)`: the replacement fields of Python's format strings, without attribute access.
import { PyException, raise, valueError } from "./exceptions.ts";
import { formatValue } from "./format.ts";
import type { Meter } from "./meter.ts";
import { asciiRepr, repr, str } from "./repr.ts";
import { subscript } from "./subscript.ts";
import type { Py } from "./values.ts";

const maximalDepth = 2;

export function formatTemplate(template: string, mapping: Py, meter: Meter, depth = maximalDepth): string {
  if (depth < 0) valueError("Max string recursion exceeded");
  let out = "";
  for (let at = 0; at < template.length; ) {
    const unit = template[at]!;
    if (unit === "{" || unit === "}") {
      if (template[at + 1] === unit) {
        out += unit;
        at += 2;
        continue;
      }
      if (unit === "}") valueError("Single '}' encountered in format string");
      const end = closing(template, at);
      out += field(template.slice(at + 1, end), mapping, meter, depth);
      meter.text(out.length);
      at = end + 1;
    } else {
      out += unit;
      at++;
    }
  }
  return out;
}

function closing(template: string, open: number): number {
  let depth = 0;
  for (let at = open; at < template.length; at++) {
    if (template[at] === "{") depth++;
    else if (template[at] === "}" && --depth === 0) return at;
  }
  return valueError(
    open === template.length - 1 ? "Single '{' encountered in format string" : "expected '}' before end of string",
  );
}

function field(text: string, mapping: Py, meter: Meter, depth: number): string {
  const match = /^(?<path>[^!:{}]*)(?:!(?<conversion>[\s\S]))?(?::(?<spec>[\s\S]*))?$/.exec(text);
  if (match === null) valueError("expected ':' after conversion specifier");
  const { path = "", conversion, spec = "" } = match.groups ?? {};
  const [name = "", ...rest] = path.split(/(?=[.[])/);
  let value = /^\d*$/.test(name)
    ? valueError("Format string contains positional fields")
    : subscript(mapping, name, meter);
  for (const step of rest) {
    if (step.startsWith("."))
      throw new PyException("NotImplementedError", "attributes are not allowed in format strings");
    const key = step.slice(1, -1);
    value = subscript(value, /^\d+$/.test(key) ? BigInt(key) : key, meter);
  }
  if (conversion === "r") value = repr(value, meter);
  else if (conversion === "s") value = str(value, meter);
  else if (conversion === "a") value = asciiRepr(value, meter);
  else if (conversion !== undefined) raise("ValueError", `Unknown conversion specifier '${conversion}'`);
  return formatValue(value, formatTemplate(spec, mapping, meter, depth - 1), meter);
}
