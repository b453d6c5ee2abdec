// Dotted access: a value's members, and None for everything that is not there (the reference's guarded getter).
import { dictMethods, listMethods, type Method, setMethods, tupleMethods } from "./containers.ts";
import { PyDatetime, PyTimedelta } from "./datetime.ts";
import { datetimeMember, timedeltaMember } from "./datetimeMembers.ts";
import { PyException, raise } from "./exceptions.ts";
import { PyDict, PySet } from "./hashed.ts";
import { bytesMember, complexMember, floatMember, integerMember } from "./numberMembers.ts";
import type { Runtime } from "./runtime.ts";
import { fromStored } from "./stored.ts";
import { textMethods } from "./strings.ts";
import {
  DictProxy,
  type Py,
  PyComplex,
  PyFunction,
  PyList,
  PyModule,
  PyRange,
  PySlice,
  PyTuple,
  PyType,
  RowObject,
} from "./values.ts";

function bound<Self>(
  self: Self,
  name: string,
  table: ReadonlyMap<string, Method<Self>>,
  runtime: Runtime,
): Py | undefined {
  const method = table.get(name);
  if (method === undefined) return undefined;
  return new PyFunction(name, (given, keywords) => method(self, given, keywords, runtime.meter));
}

export function attribute(value: Py, name: string, runtime: Runtime): Py {
  if (value instanceof RowObject) return value.attribute(name);
  if (value instanceof DictProxy) return fromStored(value.map.get(name));
  if (value === null) return null;
  return member(value, name, runtime) ?? null;
}

function member(value: Exclude<Py, null>, name: string, runtime: Runtime): Py | undefined {
  switch (typeof value) {
    case "string":
      if (name === "format") raise("NotImplementedError", "str.format is not allowed in a query; use an f-string");
      return bound(value, name, textMethods, runtime);
    case "bigint":
      return integerMember(value, name);
    case "boolean":
      return integerMember(value ? 1n : 0n, name);
    case "number":
      return floatMember(value, name);
    default:
  }
  if (value instanceof PyList) return bound(value, name, listMethods, runtime);
  if (value instanceof PyTuple) return bound(value, name, tupleMethods, runtime);
  if (value instanceof PyDict) return bound(value, name, dictMethods, runtime);
  if (value instanceof PySet) return bound(value, name, setMethods, runtime);
  if (value instanceof PyDatetime) return datetimeMember(value, name, runtime);
  if (value instanceof PyTimedelta) return timedeltaMember(value, name);
  if (value instanceof PyModule) return value.members.get(name);
  if (value instanceof PyType) return value.members.get(name);
  if (value instanceof Uint8Array) return bytesMember(value, name);
  if (value instanceof PyComplex) return complexMember(value, name);
  if (value instanceof PyRange) {
    if (name === "start" || name === "stop" || name === "step") return BigInt(value[name]);
    return undefined;
  }
  if (value instanceof PySlice) {
    return name === "start" || name === "stop" || name === "step" ? value[name] : undefined;
  }
  if (value instanceof PyException && name === "args") {
    return new PyTuple(value.message === "" ? [] : [value.message]);
  }
  return undefined;
}
