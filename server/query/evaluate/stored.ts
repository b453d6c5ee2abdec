// Stored values as a query sees them.
import { Extension, Timestamp, type Value } from "../../../formats/value.ts";
import { PyDict } from "./hashed.ts";
import { DictProxy, type Py, PyList } from "./values.ts";

/** A top-level value or a value inside a proxy: dicts are proxies, lists are copied so that a query cannot change a row. */
export function fromStored(value: Value | undefined): Py {
  if (typeof value !== "object" || value === null) return value ?? null;
  if (value instanceof Map) return new DictProxy(value);
  return plain(value);
}

/** A value inside a list: dicts are plain dicts there. */
export function plain(value: Value): Py {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return new PyList(value.map(plain));
  if (value instanceof Map) {
    const dict = new PyDict();
    for (const [key, item] of value) dict.set(key, plain(item));
    return dict;
  }
  if (value instanceof Uint8Array || value instanceof Timestamp || value instanceof Extension) return value;
  return null;
}

/** The dict that a proxy stands for. */
export function unwrap(proxy: DictProxy): PyDict {
  const dict = new PyDict();
  for (const [key, value] of proxy.map) dict.set(key, plain(value));
  return dict;
}
