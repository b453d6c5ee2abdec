// Browser test: the metrics explorer: lines, axes, groups, means, zoom, export, and points that come while it is open.
import { expect } from "bun:test";
import { TestConnection } from "../../testing/connection.ts";
import { selectLink } from "./links.ts";
import { point, river } from "./ownRuns.ts";
import { eventually, type Scenario, type View } from "./stage.ts";

const lines = (view: View) => view.page.locator("svg path.Line");
const control = (view: View, icon: string) => view.page.locator(`.Controls__anchor:has(.icon-${icon})`);

/** The words on the chart, such as ticks and the title of the axis. */
async function chartText(view: View): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: blanks between ticks come from how they are laid out
  return (await view.page.locator("[class*=ChartPanel]").first().innerText()).replace(/\s+/g, " ");
}

async function chartHas(view: View, ...texts: readonly string[]): Promise<void> {
  await eventually(async () => {
    const shown = await chartText(view);
    for (const text of texts) expect(shown).toContain(text);
  });
}

async function alignBy(view: View, name: string): Promise<void> {
  await control(view, "axes-props").click();
  await view.one(".AxesPropsPopover__alignment input").click();
  await view.page.getByRole("option", { name, exact: true }).click();
  await view.closePopups();
}

async function openForest(view: View): Promise<void> {
  await lines(view).first().waitFor();
  await chartHas(view, 'metric.name="height"', "Steps", "55");
}

const forestLink = selectLink("metrics", ["height"], 'run.name == "forest"');

export const metricsScenarios: readonly Scenario[] = [
  [
    "metrics are drawn over steps, epochs, time and another metric",
    async (stage) => {
      await stage.visit(forestLink, async (view) => {
        await openForest(view);
        expect(await lines(view).count()).toBe(2);
        await alignBy(view, "Epoch");
        await chartHas(view, "Epochs", "0 1 2 3 4 5");
        await alignBy(view, "Relative Time");
        await chartHas(view, "Relative time", "10sec", "50sec");
        await alignBy(view, "Absolute Time");
        await chartHas(view, "Absolute time", "09:00:59 02 Nov, 26");
        await alignBy(view, "distance");
        await chartHas(view, "500 1000 1500", "distance", "5900");
        expect(await lines(view).count()).toBe(2);
      });
    },
  ],
  [
    "metrics are grouped by a parameter, drawn as means and exported",
    async (stage) => {
      await stage.visit(selectLink("metrics", ["height"]), async (view) => {
        await eventually(async () => expect(await lines(view).count()).toBe(4));
        await view.page.locator(".GroupingItem").first().click();
        await view.one(".GroupingPopover input").fill("hparams.kind");
        await view.page.getByRole("option").filter({ hasText: "run.hparams.kind" }).click();
        await view.closePopups();
        await chartHas(view, "COLORS", '"birch"', '"alder"', '"mixed"');
        await control(view, "aggregation").click();
        await eventually(async () => expect(await view.page.locator("svg path.AggrLine").count()).toBe(3));
        await view.picture("means");
        await control(view, "aggregation").click();
        const { bytes } = await view.download(view.button("Export"));
        const csv = Buffer.from(bytes).toString();
        for (const part of ["forest", "river", "leaf", '"height"', '"subset=""val"""', '"""alder"""'])
          expect(csv).toContain(part);
      });
    },
  ],
  [
    "a part of the chart is zoomed into, and out of",
    async (stage) => {
      await stage.visit(forestLink, async (view) => {
        await openForest(view);
        const corner = { position: { x: 20, y: 20 } };
        await control(view, "zoom-in").click(corner);
        const chart = view.page.locator("[class*=LineChart] svg").first();
        await chart.hover();
        const area = (await chart.boundingBox())!;
        await view.page.mouse.move(area.x + 300, area.y + 80);
        await view.page.mouse.down();
        await view.page.mouse.move(area.x + 500, area.y + 200, { steps: 5 });
        await view.page.mouse.up();
        await chartHas(view, "16 17 18 19 20");
        await view.picture("zoomed");
        await control(view, "zoom-out").click(corner);
        await chartHas(view, "0 5 10 15", "50 55");
      });
    },
  ],
  [
    "points that a running run logs come to the open page with Live Update",
    async (stage) => {
      await stage.visit(selectLink("metrics", ["height"], 'run.name == "river"'), async (view) => {
        await lines(view).first().waitFor();
        await chartHas(view, "12 14 16", "19");
        await view.one(".LiveUpdateSettings .Switcher").click();
        const connection = await TestConnection.open(`${stage.server.frontier}/api/v1/ws/runs/${river}`);
        for (let step = 20; step < 40; step++) {
          const labels = { type: "log_metric", run_id: river };
          const reply = await connection.ask({ ...labels, ...point("height", step, step * 2, { subset: "train" }) });
          expect(reply).toMatchObject({ status: "ok" });
        }
        await connection.close();
        await chartHas(view, "60 70", "39");
      });
    },
  ],
];
