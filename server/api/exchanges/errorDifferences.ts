// What ours answers other than recorded: errors, refusals, and what was an error or a stream cut off.
import { messageExtensions } from "../../../formats/messages/frames.ts";
import { type Amendment, queryOf, refuse, textLike } from "./amendment.ts";
import { mapAt } from "./facts.ts";
import { Expectation, type Node } from "./nodes.ts";

export const errorDifferences: readonly Amendment[] = [
  {
    name: "cut streams of refused queries",
    only: [376, 377, 391, 393, 394, 401, 481, 656],
    amend: (right) => refuse(right, 400, /^Invalid query syntax: .+ is not allowed/),
  },
  {
    name: "ranges that are none",
    only: [163, 166, 684, 837, 838],
    amend: (right) => refuse(right, 422, /^Input should be a range 'start:stop'/),
  },
  { name: "sort items that are none", only: [450], amend: (right) => refuse(right, 400, /^Invalid sort JSON: .+/) },
  { name: "missing blobs", only: [179], amend: (right) => refuse(right, 404, "Not Found") },
  {
    name: "file names in any script",
    only: [178],
    amend: (right) => {
      right.status = 200n;
      right.headers.set("content-type", "text/plain; charset=utf-8");
      right.headers.set(
        "content-disposition",
        `attachment; filename="____.txt"; filename*=UTF-8''${encodeURIComponent("звіт.txt")}`,
      );
      right.body = new Expectation("the file", (ours) => typeof ours === "string" && !ours.startsWith("{"));
      return true;
    },
  },
  {
    name: "missing blobs in an archive",
    only: [185],
    amend: (right) => {
      right.body = new Expectation("a whole ZIP of the three files that are there", isWholeZip);
      return true;
    },
  },
  {
    name: "position of a syntax error",
    amend: (right, exchange) => {
      const error = mapAt(right.body, "error")?.get("message");
      const text = error instanceof Expectation ? error.text : String(error);
      if (!text.includes("Invalid query syntax:") || !(right.body instanceof Map)) return false;
      const q = (queryOf(exchange).get("q") ?? "").trim();
      right.body.set("detail", new Expectation("the position in the query", isPositionIn(q)));
      right.body.set("message", "SyntaxError");
      return true;
    },
  },
  {
    name: "envelope of every error",
    amend: (right) => {
      if (right.status < 400n || !(right.body instanceof Map)) return false;
      const { body } = right;
      if (!body.has("message")) body.set("message", textLike(/\S/));
      // Paths and methods that are not there had none.
      if (!body.has("error") && typeof body.get("detail") === "string") {
        const code = right.status === 404n ? "not_found" : "error";
        body.set(
          "error",
          new Map<string, Node>([
            ["code", code],
            ["message", body.get("detail")!],
          ]),
        );
      }
      return true;
    },
  },
  {
    name: "all methods of a path",
    amend: ({ headers }, { request }) => {
      if (!headers.has("allow")) return false;
      const methods = /\/tags\/?$/.test(request!.path)
        ? "GET, POST"
        : /\/runs\/\w{32}\/?$/.test(request!.path)
          ? "DELETE, PUT"
          : undefined;
      if (methods === undefined) return false;
      headers.set("allow", methods);
      return true;
    },
  },
  {
    name: "headers for pages of other origins",
    only: [945, 946, 947, 948, 949],
    amend: ({ headers, status }, { request }) => {
      if (request!.method === "OPTIONS") headers.set("access-control-max-age", "600");
      if (status === 200n && headers.has("access-control-allow-origin"))
        headers.set("access-control-expose-headers", "Content-Disposition, X-Request-ID");
      return true;
    },
  },
  {
    name: "pages of documentation",
    only: [941, 942],
    amend: (right, { n }) => {
      if (n === 941) return refuse(right, 404, "Not Found");
      right.status = 200n;
      right.headers.set("content-type", "application/json");
      right.body = new Expectation("an OpenAPI document", (ours) =>
        String(mapAt(ours)?.get("openapi")).startsWith("3."),
      );
      return true;
    },
  },
  {
    name: "metrics of another process",
    only: [943],
    amend: (right) => {
      const names = [
        "matyan_http_requests_total",
        "matyan_http_request_duration_seconds_bucket",
        "matyan_planner_path_total",
      ];
      right.body = new Expectation(
        names.join(", "),
        (ours) => typeof ours === "string" && names.every((name) => ours.includes(`\n${name}{`)),
      );
      return true;
    },
  },
  {
    name: "version and readiness of another system",
    only: [89, 92],
    amend: ({ body }, { n }) => {
      if (n === 89) {
        mapAt(body)!.set("version", textLike(/^\d+\.\d+\.\d+/));
        mapAt(body)!.set("message_extensions", [...messageExtensions]);
      } else mapAt(body, "checks")!.set("blob", "ok");
      return true;
    },
  },
];

/** A central directory at its end, with the names of the files that have blobs. */
function isWholeZip(ours: Node | undefined): boolean {
  if (!(ours instanceof Uint8Array) || ours.subarray(-22, -18).toHex() !== "504b0506") return false;
  const text = new TextDecoder().decode(ours);
  return ["config.yaml", "models/best.pt", "models/deep/er/last.pt", "звіт.txt"].every(
    (name) => text.split(name).length === 3,
  );
}

/** `{statement, line, offset, end_offset}`, columns from 1, in the query between the parentheses that it was parsed with. */
function isPositionIn(query: string): (ours: Node | undefined) => boolean {
  return (ours) => {
    const position = mapAt(ours);
    const statement = position?.get("statement");
    const [line, offset, end] = ["line", "offset", "end_offset"].map((name) => Number(position?.get(name)));
    if (typeof statement !== "string" || line === undefined || offset === undefined || end === undefined) return false;
    const asked = /^select/i.test(query) ? query.slice(query.toLowerCase().indexOf("if") + 2).trim() : query;
    const length = statement.split("\n")[line - 1]?.length ?? 0;
    return statement === `(${asked})` && offset >= 1 && offset <= length + 1 && end >= offset && end <= length + 2;
  };
}
