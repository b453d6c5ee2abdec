// A run's parameters by dotted paths: `hparams.lr`, `layers.0.width`.
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import { artifactsName } from "../store/artifactEntries.ts";

/** The attribute that holds the machine that the run was made on. With `artifactsName` it is no parameter. */
export const systemName = "__system_params";

/**
 * The value at a dotted path, looked for in all attributes and then in `hparams`, so that `lr` finds `hparams.lr`.
 * Names that have dots themselves are found too: the longest matching name wins at each level.
 */
export function paramAt(attrs: ValueMap, path: string): Value | undefined {
  return lookUp(attrs, path) ?? lookUp(attrs.get("hparams"), path);
}

function lookUp(node: Value | undefined, path: string): Value | undefined {
  if (Array.isArray(node)) {
    const [index, rest] = splitFirst(path);
    const item = /^\d+$/.test(index) ? node[Number(index)] : undefined;
    return rest === undefined ? item : lookUp(item, rest);
  }
  if (!isMap(node)) return undefined;
  for (let end = path.length; end > 0; end = path.lastIndexOf(".", end - 1)) {
    const child = node.get(path.slice(0, end));
    const found = end === path.length ? child : lookUp(child, path.slice(end + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

function splitFirst(path: string): [string, string | undefined] {
  const dot = path.indexOf(".");
  return dot === -1 ? [path, undefined] : [path.slice(0, dot), path.slice(dot + 1)];
}

/** The dotted paths of all scalars, at most `limit`: to say what there is. */
export function paramPaths(attrs: ValueMap, limit: number): string[] {
  const paths: string[] = [];
  const walk = (node: Value, path: string) => {
    if (paths.length >= limit) return;
    if (isMap(node)) for (const [name, child] of node) walk(child, path === "" ? name : `${path}.${name}`);
    else paths.push(path);
  };
  for (const [name, child] of attrs) if (name !== artifactsName && name !== systemName) walk(child, name);
  return paths;
}
