// The real web UI in a headless Chromium against `matyan serve`: pages show what is stored, what is changed on them is
// stored, and neither the page nor the API has errors. $MATYAN_TEST_SCREENSHOTS names a folder for a picture of each page.
import { afterAll, beforeAll, describe, test } from "bun:test";
import { collectionScenarios } from "./browser/collectionPages.ts";
import { dashboardScenarios } from "./browser/dashboardPage.ts";
import { experimentScenarios } from "./browser/experimentPage.ts";
import { explorerScenarios } from "./browser/explorerPages.ts";
import { metricsScenarios } from "./browser/metricsPage.ts";
import { runEditScenarios } from "./browser/runEdits.ts";
import { runScenarios } from "./browser/runPage.ts";
import { runsScenarios } from "./browser/runsPage.ts";
import { cachedUi, findChromium } from "./browser/setting.ts";
import { type Scenario, Stage } from "./browser/stage.ts";

/** On one store, in this order: what only looks comes first. */
const scenarios: readonly Scenario[] = [
  ...dashboardScenarios,
  ...runScenarios,
  ...explorerScenarios,
  ...metricsScenarios,
  ...experimentScenarios,
  ...collectionScenarios,
  ...runEditScenarios,
  ...runsScenarios,
];

const chromiumPath = findChromium();
const ui = chromiumPath === undefined ? { missing: "no Chromium on PATH" } : await cachedUi();
const missing = "missing" in ui ? ` (skipped: ${ui.missing})` : "";

describe.skipIf(missing !== "")(`the web UI in Chromium${missing}`, () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.open(chromiumPath!, "wheel" in ui ? ui.wheel : "");
  }, 60_000);

  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
  });

  test.each(scenarios.map(([sentence, play]) => [sentence, play] as const))(
    "%s",
    async (_, play) => {
      await play(stage);
    },
    60_000,
  );
});
