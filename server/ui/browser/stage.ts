// Test support: a server with data, the UI and a browser; pages whose faults are collected; the store seen through REST.
import { expect } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { openFolderBlobs } from "../../blobs/folder.ts";
import { matyan, type Served, startServed, type TestFolder, testFolder } from "../../testing/served.ts";
import { browserRuns, messageLines } from "./ownRuns.ts";

const fixtures = join(import.meta.dir, "../../../fixtures/exchanges");
const waitMs = 20_000;
const launchOptions = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--no-first-run",
  "--disable-component-update",
  "--disable-sync",
  // Nothing outside this machine is asked for. (Routes of the driver would switch the browser's cache off.)
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/** What a test is: a sentence, and what is done on the stage. */
export type Scenario = readonly [sentence: string, play: (stage: Stage) => Promise<void>];

export class Stage implements AsyncDisposable {
  readonly server: Served;
  readonly #folder: TestFolder;
  readonly #browser: Browser;
  /** One for each time zone; each has a cache of its own. */
  readonly #contexts = new Map<string, BrowserContext>();

  private constructor(folder: TestFolder, server: Served, browser: Browser) {
    this.#folder = folder;
    this.server = server;
    this.#browser = browser;
  }

  static async open(chromiumPath: string, wheel: string): Promise<Stage> {
    const folder = await testFolder();
    const data = folder.path;
    const own = browserRuns();
    const lines = join(data, "own.jsonl");
    await Bun.write(lines, messageLines(own.messages));
    // A few of the recorded messages are refused, on purpose; none of our own.
    const recorded = await matyan("ingest", join(fixtures, "messages.jsonl.gz"), "--data", data);
    expect([0, 1]).toContain(recorded.code);
    const ingested = await matyan("ingest", lines, "--data", data);
    if (ingested.code !== 0) throw new Error(`the runs were not taken: ${ingested.out} ${ingested.errors}`);
    const blobs = await openFolderBlobs(join(data, "blobs"));
    const keys = (await Bun.file(join(fixtures, "blobs.json")).json()) as Record<string, string>;
    for (const [key, file] of Object.entries(keys))
      await blobs.put(key, await Bun.file(join(fixtures, "blobs", file)).bytes());
    for (const [key, bytes] of own.blobs) await blobs.put(key, bytes);
    const server = await startServed({ data, args: ["--ui", wheel] });
    const browser = await chromium.launch({ executablePath: chromiumPath, args: launchOptions });
    return new Stage(folder, server, browser);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await this.server.end("SIGTERM");
    await this.#folder[Symbol.asyncDispose]();
  }

  async #context(timezone: string): Promise<BrowserContext> {
    const kept = this.#contexts.get(timezone);
    if (kept !== undefined) return kept;
    const viewport = { width: 1400, height: 900 };
    const context = await this.#browser.newContext({ viewport, timezoneId: timezone, acceptDownloads: true });
    context.setDefaultTimeout(waitMs);
    await context.addInitScript(forgiveLeftEditors);
    this.#contexts.set(timezone, context);
    return context;
  }

  /**
   * Opens a page of the UI, gives it to `look`, and then demands that nothing went wrong meanwhile.
   * @param timezone of the browser, such as `America/New_York`.
   */
  async visit(path: string, look: (view: View) => Promise<void>, timezone = "UTC"): Promise<void> {
    const context = await this.#context(timezone);
    const view = new View(await context.newPage(), this.server.api);
    try {
      await view.go(path);
      await look(view);
      await view.picture();
      expect(view.faults).toEqual([]);
    } catch (error) {
      await view.picture("failed").catch(() => undefined);
      if (view.faults.length > 0) throw new Error(`${String(error)}\n${view.faults.join("\n")}`, { cause: error });
      throw error;
    } finally {
      await view.page.close();
    }
  }

  /** The JSON that the REST API answers; a status of 400 and above is an error. */
  async rest(method: string, path: string, body?: object): Promise<unknown> {
    const headers = { "content-type": "application/json" };
    const request = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const answer = await fetch(`${this.server.api}/api/v1/rest/${path}`, request);
    const text = await answer.text();
    if (answer.status >= 400) throw new Error(`${answer.status} to ${method} ${path}: ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  /** Waits until what REST answers is as wanted; fails with the last difference. */
  async stored<T>(path: string, pick: (answer: never) => T, wanted: T): Promise<void> {
    await eventually(async () => {
      expect(pick((await this.rest("GET", path)) as never)).toEqual(wanted as never);
    });
  }
}

export class View {
  readonly page: Page;
  readonly faults: string[] = [];
  readonly #origin: string;
  /** Parts of messages of the browser's console, and statuses, that the next steps bring about on purpose. */
  readonly expected: string[] = [];

  constructor(page: Page, origin: string) {
    this.page = page;
    this.#origin = origin;
    this.#watch();
  }

  async go(path: string): Promise<void> {
    await this.page.goto(`${this.#origin}${path}`);
  }

  /** The first visible element with this text (part of it, without regard to case, when a string). */
  text(text: string | RegExp): Locator {
    return this.page.getByText(text).filter({ visible: true }).first();
  }

  /** The first visible element of a CSS selector. */
  one(selector: string): Locator {
    return this.page.locator(selector).filter({ visible: true }).first();
  }

  /** Waits until each of the texts is visible. */
  async shows(...texts: readonly (string | RegExp)[]): Promise<void> {
    for (const text of texts) await this.text(text).waitFor();
  }

  /** What the page says, blanks and line ends as one blank. */
  async words(): Promise<string> {
    // biome-ignore lint/performance/useDomNodeTextContent: what is hidden does not count
    return (await this.page.innerText("body")).replace(/\s+/g, " ");
  }

  /** Waits until the page says each of these, whatever elements they are made of. */
  async says(...texts: readonly string[]): Promise<void> {
    await eventually(async () => {
      const words = await this.words();
      for (const text of texts) expect(words).toContain(text);
    });
  }

  async hides(text: string | RegExp): Promise<void> {
    await eventually(async () => expect(await this.page.getByText(text).filter({ visible: true }).count()).toBe(0));
  }

  async click(text: string | RegExp): Promise<void> {
    await this.text(text).click();
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole("button", { name }).filter({ visible: true }).first();
  }

  /** Waits until neither bars nor wheels of progress are shown. */
  async settles(): Promise<void> {
    await this.hides(/^Processing/);
    await this.page.waitForLoadState("networkidle", { timeout: 1_500 }).catch(() => undefined);
  }

  /** Closes menus and dialogs that lie over the page. */
  async closePopups(): Promise<void> {
    const popups = this.page.locator(".MuiPopover-root").filter({ visible: true });
    await eventually(async () => {
      if ((await popups.count()) > 0) await this.page.keyboard.press("Escape");
      expect(await popups.count()).toBe(0);
    });
  }

  /** The text of a file that is downloaded by clicking. */
  async download(link: Locator): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
    const [file] = await Promise.all([this.page.waitForEvent("download"), link.click()]);
    return { name: file.suggestedFilename(), bytes: await Bun.file(await file.path()).bytes() };
  }

  /** A picture in $MATYAN_TEST_SCREENSHOTS, when that names a folder. */
  async picture(step = ""): Promise<void> {
    const folder = process.env["MATYAN_TEST_SCREENSHOTS"];
    if (!folder) return;
    await this.settles().catch(() => undefined);
    await mkdir(folder, { recursive: true });
    const name = new URL(this.page.url()).pathname.replaceAll("/", "_");
    await this.page.screenshot({ path: join(folder, `${name}${step === "" ? "" : `-${step}`}.png`) });
  }

  #watch(): void {
    const { page } = this;
    const report = (fault: string) => {
      if (![...knownFaults, ...this.expected].some((part) => fault.includes(part))) this.faults.push(fault);
    };
    page.on("pageerror", (error) => report(`page error: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error") report(`console: ${message.text()} ${message.location().url}`);
    });
    page.on("response", (answer) => {
      if (answer.url().startsWith(this.#origin) && answer.status() >= 400)
        report(`${answer.status()} to ${answer.request().method()} ${answer.url()}`);
    });
    page.on("crash", () => report("the page crashed"));
  }
}

/** In the page: the loader of the UI's editor throws an object of its own when a page is left before the editor came. */
const forgiveLeftEditors = `addEventListener("unhandledrejection", (event) => {
  if (event.reason?.type === "cancelation") event.preventDefault();
});`;

/** Scripts, styles and lists that the UI gets from public hosts, which the tests do without. */
const knownFaults = ["loadPyodide is not a function", "net::ERR_NAME_NOT_RESOLVED"];

/** Repeats what throws until it does not, or for 20 s. */
export async function eventually(check: () => Promise<void>): Promise<void> {
  const end = Date.now() + waitMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await Bun.sleep(100);
    }
  }
}
