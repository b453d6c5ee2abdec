// Query parameters that several streams share.
import type { QueryParameter } from "../route.ts";

export const queryParameters = {
  q: { type: "string", description: "The query: see docs/query-language.md.", default: "" },
  skip_system: { type: "boolean", description: "Leave out what the client noted of its machine.", default: true },
  report_progress: { type: "boolean", description: "Send progress records.", default: true },
} as const satisfies Readonly<Record<string, QueryParameter>>;

export const recordParameters = {
  record_range: { type: "string", description: "Steps `start:stop`, stop excluded.", default: "" },
  record_density: { type: "integer", description: "Steps to choose; 0 for all.", default: 50 },
} as const satisfies Readonly<Record<string, QueryParameter>>;

export const indexParameters = {
  index_range: { type: "string", description: "Positions `start:stop` in lists, stop excluded.", default: "" },
  index_density: { type: "integer", description: "Items of a list to choose; 0 for all.", default: 5 },
} as const satisfies Readonly<Record<string, QueryParameter>>;
