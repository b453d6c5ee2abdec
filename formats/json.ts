// JSON that keeps number kinds, compatible with Python's in both directions: the text form of stored values.
export { formatJson, type JsonFormat, jsonFloat, jsonScalar, pythonFloat, quoteAscii } from "./jsonFormat.ts";
export { JsonError, parseJson, tryParseJson } from "./jsonParser.ts";
