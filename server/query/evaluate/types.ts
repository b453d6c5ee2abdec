// The names of Python's classes for our values.

import { PyDatetime, PyTimedelta } from "./datetime.ts";
import { PyException } from "./exceptions.ts";
import { PyDict, PySet } from "./hashed.ts";
import {
  DictProxy,
  type Py,
  PyComplex,
  PyFunction,
  PyIterator,
  PyList,
  PyModule,
  PyRange,
  PySlice,
  PyTuple,
  PyType,
  RowObject,
} from "./values.ts";

export function typeName(value: Py): string {
  switch (typeof value) {
    case "string":
      return "str";
    case "bigint":
      return "int";
    case "number":
      return "float";
    case "boolean":
      return "bool";
    default:
  }
  if (value === null) return "NoneType";
  if (value instanceof PyList) return "list";
  if (value instanceof PyTuple) return "tuple";
  if (value instanceof PyDict) return "dict";
  if (value instanceof PySet) return value.frozen ? "frozenset" : "set";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof PyComplex) return "complex";
  if (value instanceof PyRange) return "range";
  if (value instanceof PySlice) return "slice";
  if (value instanceof PyIterator) return "generator";
  if (value instanceof PyFunction) return "function";
  if (value instanceof PyType) return "type";
  if (value instanceof PyModule) return "module";
  if (value instanceof PyException) return value.type;
  if (value instanceof PyDatetime) return "datetime.datetime";
  if (value instanceof PyTimedelta) return "datetime.timedelta";
  if (value instanceof DictProxy) return "AttributeProxy";
  if (value instanceof RowObject) return value.typeName;
  return "object";
}
