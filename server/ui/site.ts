// The web UI as the server sees it: the one asked for, the installed one, or a line that says how to get one.

import { installedUi, resolveUi } from "./install.ts";
import { missingUi, UiPages } from "./pages.ts";

export class UiSite {
  readonly #dataDir: string;
  #folder: string | undefined;
  #pages: UiPages | undefined;

  private constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /**
   * @param asked a folder or a wheel; without it, what `matyan ui install` put there, now or later.
   * @throws MatyanError `not_found` or `usage` when `asked` is no UI, `corrupt` when it is a broken wheel.
   */
  static async open(dataDir: string, asked: string | undefined): Promise<UiSite> {
    const site = new UiSite(dataDir);
    if (asked === undefined) await site.#look();
    else await site.#show(await resolveUi(dataDir, asked));
    return site;
  }

  /** The folder that is served, or undefined when there is no UI. */
  get folder(): string | undefined {
    return this.#folder;
  }

  async answer(request: Request, url: URL): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD")
      return Response.json({ detail: "Method Not Allowed" }, { status: 405, headers: { allow: "GET, HEAD" } });
    if (this.#pages === undefined && url.pathname === "/") await this.#look();
    return this.#pages === undefined ? missingUi(request, url) : await this.#pages.answer(request, url);
  }

  async #look(): Promise<void> {
    const folder = await installedUi(this.#dataDir);
    if (folder !== undefined) await this.#show(folder);
  }

  async #show(folder: string): Promise<void> {
    this.#pages = await UiPages.open(folder);
    this.#folder = folder;
  }
}
