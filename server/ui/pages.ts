// Serves the built web UI: its files, and for every other address the page itself (ui-needs.md 2).
import { readFile, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { clientOrigin } from "../clientOrigin.ts";
import { templateName } from "./wheel.ts";

const filesPath = "/static-files/";
/** An address with `?version=` changes with its file (ui-needs.md 1); all others are asked for again each time. */
const forever = "public, max-age=31536000, immutable";

export class UiPages {
  readonly #folder: string;
  readonly #template: string;

  private constructor(folder: string, template: string) {
    this.#folder = folder;
    this.#template = template;
  }

  /** @throws what the operating system throws when the folder has no template. */
  static async open(folder: string): Promise<UiPages> {
    return new UiPages(folder, await readFile(join(folder, templateName), "utf8"));
  }

  /** The answer to any GET or HEAD outside the API. */
  async answer(request: Request, url: URL): Promise<Response> {
    if (url.pathname.startsWith(filesPath)) return await this.#file(request, url);
    const headers = { "content-type": "text/html; charset=utf-8", "cache-control": "no-cache" };
    return new Response(this.#index(request), { headers });
  }

  /** Page and API have one origin: the one that the browser used. */
  #index(request: Request): string {
    const values: Record<string, string> = {
      base_path: "",
      api_base_path: "/api/v1",
      api_host_base: clientOrigin(request),
      api_auth_token: "",
    };
    return this.#template.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name: string) => {
      const value = values[name];
      return value === undefined ? whole : escapeHtml(value);
    });
  }

  async #file(request: Request, url: URL): Promise<Response> {
    const path = this.#pathOf(url.pathname.slice(filesPath.length));
    const plain = path === undefined ? undefined : await fileInfo(path);
    const zipped = path === undefined ? undefined : await fileInfo(`${path}.gz`);
    if (path === undefined || (plain === undefined && zipped === undefined))
      return new Response("not found\n", { status: 404, headers: { "content-type": "text/plain" } });
    const isZipped =
      zipped !== undefined && (plain === undefined || acceptsGzip(request.headers.get("accept-encoding")));
    const info = (isZipped ? zipped : plain)!;
    const etag = `"${info.size.toString(36)}-${Math.trunc(info.mtimeMs).toString(36)}${isZipped ? "-gz" : ""}"`;
    const headers = new Headers({
      "cache-control": url.searchParams.has("version") ? forever : "no-cache",
      "content-type": Bun.file(path).type,
      etag,
      "x-content-type-options": "nosniff",
    });
    if (zipped !== undefined) headers.set("vary", "accept-encoding");
    if (isZipped) headers.set("content-encoding", "gzip");
    if (request.headers.get("if-none-match")?.includes(etag)) return new Response(null, { status: 304, headers });
    return new Response(Bun.file(isZipped ? `${path}.gz` : path), { headers });
  }

  /** A path below the folder, or undefined for one that is not. The UI asks for some files with a slash at the end. */
  #pathOf(encoded: string): string | undefined {
    let name: string;
    try {
      name = decodeURIComponent(encoded).replace(/\/$/, "");
    } catch {
      return undefined;
    }
    const parts = name.split("/");
    if (parts.some((part) => part === "" || part.startsWith(".") || /[\0\\]/.test(part) || part.includes(sep)))
      return undefined;
    return join(this.#folder, ...parts);
  }
}

/** What `/` answers when there is no UI: one line that says how to get it. */
export function missingUi(request: Request, url: URL): Response {
  const isRoot = url.pathname === "/";
  const line = "There is no web UI yet: run `matyan ui install` (with the server's --data), then reload this page.";
  const asHtml = request.headers.get("accept")?.includes("text/html") ?? false;
  const body = asHtml
    ? `<!doctype html><title>Matyan</title><p>${line.replace(/`([^`]*)`/, "<code>$1</code>")}</p>\n`
    : `${line}\n`;
  const headers = { "content-type": `text/${asHtml ? "html" : "plain"}; charset=utf-8`, "cache-control": "no-store" };
  return new Response(body, { status: isRoot ? 200 : 404, headers });
}

async function fileInfo(path: string): Promise<{ readonly size: number; readonly mtimeMs: number } | undefined> {
  const info = await stat(path).catch(() => undefined);
  return info?.isFile() ? info : undefined;
}

function acceptsGzip(header: string | null): boolean {
  return (header ?? "").split(",").some((part) => {
    const [coding = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase());
    return (coding === "gzip" || coding === "*") && !parameters.some((each) => /^q=0(?:\.0*)?$/.test(each));
  });
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
