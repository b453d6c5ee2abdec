// The real web UI in a headless Chromium against `matyan serve`: each page renders what is stored, with no error.
// $MATYAN_TEST_SCREENSHOTS names a folder for a picture of each page.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { openFolderBlobs } from "../blobs/folder.ts";
import { matyan, type Served, startServed, type TestFolder, testFolder } from "../testing/served.ts";
import { cachedUi, findChromium, pageState } from "./browser/setting.ts";

const fixtures = join(import.meta.dir, "../../fixtures/exchanges");
const launchOptions = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--no-first-run",
  "--disable-component-update",
  "--disable-sync",
];

/** Runs of the recorded messages, by what was logged to them. */
const allKinds = "60c086267fc24855192989f39c972fe2";
const logs = "42564227b95570e078e186471b96279b";
const figuresRun = "999a785b5a94227589e8d73b622cf5ff";

function selection(type: string, name: string): object {
  const value = { option_name: name, context: null };
  return { label: name, group: type, type, key: name, color: "#3E72E7", value };
}

const select = (type: string, ...names: readonly string[]) => {
  const options = names.map((name) => selection(type, name));
  return `select=${pageState({ options, query: "", advancedMode: false, advancedQuery: "" })}`;
};

const figures = pageState({
  form: {
    simpleInput: "",
    advancedInput: "",
    selections: [selection("figures", "scatter")],
    advancedModeOn: false,
  },
  ranges: { isApplyButtonDisabled: true, isValid: true },
});

/** What is waited for: texts that have to become visible, or a selector of what has no text, such as a picture. */
interface Shown {
  readonly path: string;
  readonly texts: readonly string[];
  readonly selector?: string;
}

const run = (tab: string, ...texts: readonly string[]): Shown => ({ path: `/runs/${allKinds}/${tab}`, texts });

const pages: readonly Shown[] = [
  { path: "/", texts: ["baseline 4", "all kinds"] },
  { path: "/runs", texts: ["all kinds", "baseline 5"] },
  run("overview", "all kinds", "loss"),
  run("run_parameters", "all kinds", "hparams"),
  { path: `/runs/${logs}/logs`, texts: ["logs run", "line 349"] },
  { path: `/runs/${logs}/messages`, texts: ["logs run"] },
  { ...run("metrics", "loss"), selector: "svg path.Line" },
  { ...run("images", "samples"), selector: "img[src^='data:image/']" },
  { ...run("audios", "voice"), selector: "audio, .AudioBox" },
  run("texts", "predictions"),
  { path: `/runs/${figuresRun}/figures`, texts: ["scatter"], selector: ".js-plotly-plot" },
  run("distributions", "weights"),
  run("notes", "all kinds"),
  run("settings", "Archive Run", "Delete Run"),
  { path: `/metrics?${select("metrics", "loss")}`, texts: ["loss"], selector: "svg path[class*=Line]" },
  { path: `/params?${select("params", "hparams.lr")}`, texts: ["sparse steps"] },
  { path: `/images?${select("images", "samples")}`, texts: ["samples"], selector: "img[src^='data:image/']" },
  { path: `/figures?query=${figures}`, texts: ["scatter"], selector: ".js-plotly-plot" },
  { path: "/tags", texts: ["a tag of the test"] },
  { path: "/bookmarks", texts: ["a bookmark of the test"] },
  { path: "/reports", texts: ["a report of the test"] },
];

const chromiumPath = findChromium();
const ui = chromiumPath === undefined ? { missing: "no Chromium on PATH" } : await cachedUi();
const missing = "missing" in ui ? ` (skipped: ${ui.missing})` : "";

describe.skipIf(missing !== "")(`the web UI in Chromium${missing}`, () => {
  let folder: TestFolder;
  let served: Served;
  let browser: Browser;
  let context: BrowserContext;

  beforeAll(async () => {
    folder = await testFolder();
    const data = folder.path;
    const ingested = await matyan("ingest", join(fixtures, "messages.jsonl.gz"), "--data", data);
    // A few of the recorded messages are refused, on purpose.
    expect([0, 1]).toContain(ingested.code);
    const blobs = await openFolderBlobs(join(data, "blobs"));
    const keys = (await Bun.file(join(fixtures, "blobs.json")).json()) as Record<string, string>;
    for (const [key, file] of Object.entries(keys))
      await blobs.put(key, await Bun.file(join(fixtures, "blobs", file)).bytes());
    served = await startServed({ data, args: ["--ui", "wheel" in ui ? ui.wheel : ""] });
    await create("tags", { name: "a tag of the test", color: "#3E72E7", description: "" });
    const state = { select: { options: [], query: "", advancedMode: false, advancedQuery: "" } };
    const app = await create("apps", { type: "metrics", state });
    await create("dashboards", { app_id: app.id, name: "a bookmark of the test", description: "" });
    await create("reports", { name: "a report of the test", description: "", code: "# Report" });
    browser = await chromium.launch({ executablePath: chromiumPath!, args: launchOptions });
    context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
    await context.route(
      (url) => url.origin !== served.api,
      (route) => route.abort(),
    );
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await served?.end("SIGTERM");
    await folder?.[Symbol.asyncDispose]();
  });

  async function create(resource: string, fields: object): Promise<{ readonly id: string }> {
    const headers = { "content-type": "application/json" };
    const url = `${served.api}/api/v1/rest/${resource}/`;
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(fields) });
    expect(answer.status).toBeLessThan(300);
    return (await answer.json()) as { id: string };
  }

  test.each(pages.map((each) => [each.path.split("?")[0]!, each] as const))(
    "%s shows what is stored, with no error of the page and no failing answer of the API",
    async (path, shown) => {
      const page = await context.newPage();
      const faults = watch(page, served.api);
      try {
        await page.goto(`${served.api}${shown.path}`);
        for (const text of shown.texts) {
          const found = page.getByText(text).filter({ visible: true }).first();
          await found.waitFor({ timeout: 20_000 }).catch(() => faults.push(`no text '${text}'`));
        }
        if (shown.selector !== undefined) {
          const found = page.locator(shown.selector).filter({ visible: true }).first();
          await found.waitFor({ timeout: 20_000 }).catch(() => faults.push(`no ${shown.selector}`));
        }
        await page.waitForLoadState("networkidle", { timeout: 2_000 }).catch(() => undefined);
        const pictures = process.env["MATYAN_TEST_SCREENSHOTS"];
        if (pictures) await page.screenshot({ path: join(pictures, `${path.replaceAll("/", "_")}.png`) });
        expect(faults).toEqual([]);
      } finally {
        await page.close();
      }
    },
    30_000,
  );
});

/** Collects what goes wrong from now on. The UI's call of a script that it gets from a public host is known to fail. */
function watch(page: Page, origin: string): string[] {
  const faults: string[] = [];
  page.on("pageerror", (error) => {
    if (!error.message.includes("loadPyodide is not a function")) faults.push(`page error: ${error.message}`);
  });
  page.on("response", (answer) => {
    if (answer.url().startsWith(origin) && answer.status() >= 400)
      faults.push(`${answer.status()} to ${answer.request().method()} ${answer.url()}`);
  });
  page.on("crash", () => faults.push("the page crashed"));
  return faults;
}
