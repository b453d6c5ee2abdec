// Browser test: the tabs of one run.
import { expect } from "bun:test";
import { forest } from "./ownRuns.ts";
import { eventually, type Scenario, type View } from "./stage.ts";

/** Runs of the recorded messages, by what was logged to them. */
const allKinds = "60c086267fc24855192989f39c972fe2";
const logs = "42564227b95570e078e186471b96279b";
const figures = "999a785b5a94227589e8d73b622cf5ff";
const pin = ".icon-pin";

const tab = (sentence: string, path: string, look: (view: View) => Promise<void>): Scenario => [
  sentence,
  (stage) => stage.visit(`/runs/${path}`, look),
];

/** The pictures that the browser has decoded, as `width x height`. */
async function pictures(view: View): Promise<string[]> {
  const sizes =
    "[...document.images].filter((each) => each.src.startsWith('data:')).map((each) => [each.naturalWidth, each.naturalHeight].join('x'))";
  return await view.page.evaluate<string[]>(sizes);
}

export const runScenarios: readonly Scenario[] = [
  tab(
    "a run's overview has parameters, last values, artifacts, machine and counts",
    `${forest}/overview`,
    async (view) => {
      await view.shows(
        "woods / forest",
        "Finished",
        "green and still",
        "oak",
        "hparams.kind",
        '"mixed"',
        "5900",
        "34.5",
      );
      await view.shows("CPU (%)", "GPU Memory (%)", "rings.csv", "map.txt", "WOODS_HOME", "numpy-of-the-woods");
      await view.shows("train.py --trees 7", "clearing", "A. Woodcutter", "c0ffee11");
      await view.says("Notes 0 Metrics 5 System 2 Distributions 0 Images 0 Audios 1 Texts 1 Figures 0");
      const file = await view.download(view.one("a[href*='rings.csv']"));
      expect([file.name, Buffer.from(file.bytes).toString()]).toEqual(["rings.csv", "year,width\n2025,3.5\n"]);
      const all = await view.download(view.one("a[href*='download-all']"));
      expect(all.name).toEndWith(".zip");
      expect(Buffer.from(all.bytes).toString("latin1")).toMatch(/^PK[\s\S]*map\.txt[\s\S]*rings\.csv/);
    },
  ),
  tab("a run's parameters have their types", `${forest}/run_parameters`, async (view) => {
    await view.shows('"hparams"', '"trees"', '"mixed"');
    await view.says('"kind": string "mixed" "lr": float 0.25 "trees": int 7');
  }),
  [
    "a run's metrics are drawn, values that are no numbers left out; one is pinned, and stays pinned",
    async (stage) => {
      const pinned = { sequences: [{ name: "distance", context: { subset: "train" } }] };
      await stage.visit(`/runs/${forest}/metrics`, async (view) => {
        await view.shows("distance", "height", 'subset="train"', 'subset="val"', "6000");
        await view.one("svg path.Line").waitFor();
        await view.page.locator(`button:has(${pin})`).first().click();
        await view.shows("Pinned Metrics");
      });
      await stage.stored("projects/pinned-sequences", (answer) => answer, pinned);
      await stage.visit(`/runs/${forest}/metrics`, (view) => view.shows("Pinned Metrics", "odd"));
    },
  ],
  tab("a run's system metrics are drawn apart", `${forest}/system`, async (view) => {
    await view.shows("CPU (%)", "GPU Memory (%)", "gpu=0");
    await eventually(async () => expect(await view.page.locator("svg path.Line").count()).toBe(2));
    await view.hides("distance");
  }),
  tab("a run's terminal lines are shown from the last one, in their colours", `${logs}/logs`, async (view) => {
    await view.shows("line 349", "line 330");
    const line = view.page.locator(".LogRow__line", { hasText: "line 349" });
    expect(await line.locator("span").first().textContent()).toBe("line 349");
    await view.page.mouse.move(700, 500);
    const first = view.page.locator(".LogRow__line").getByText("line 0", { exact: true });
    for (let turn = 0; turn < 60 && (await first.count()) === 0; turn++) {
      await view.page.mouse.wheel(0, -4_000);
      await Bun.sleep(100);
    }
    await first.waitFor();
  }),
  tab("log records of every level are shown, with what was logged beside them", `${forest}/messages`, async (view) => {
    for (const level of [10, 20, 30, 40, 50]) await view.shows(`record of level ${level}`);
    // The UI knows no CRITICAL, and hangs on an empty key: they come as the nearest that it shows.
    await view.says("ERROR 09:00:04 AM record of level 50 ERROR 09:00:03 AM record of level 40 WARNING");
    await view.says('"(empty)": int 1 "axe": string "sharp"');
  }),
  tab("a run's images are decoded and captioned", `${allKinds}/images`, async (view) => {
    await view.says("samples", "record.step = 4", "record.step = 3");
    await eventually(async () => expect((await pictures(view)).slice(0, 2)).toEqual(["4x3", "4x3"]));
  }),
  tab("a run's sounds play", `${forest}/audios`, async (view) => {
    await view.shows("song", "bird 2", "bird 0");
    // The UI takes the player away when the sound ends or the page closes, and the browser says so.
    view.expected.push("play() request was interrupted");
    await view.one(".AudioBox__controllers__player svg").click();
    await view.shows("/00:01");
  }),
  tab("a run's texts are listed by step", `${forest}/texts`, (view) =>
    view.shows("tale", 'teller="owl"', "tree number 0", "tree number 1", "tree number 2"),
  ),
  tab("a run's figure is drawn", `${figures}/figures`, async (view) => {
    await view.shows("scatter");
    await view.one(".js-plotly-plot .scatterlayer path.js-line").waitFor();
  }),
  tab("a run's distributions are drawn for a step and over all steps", `${figures}/distributions`, async (view) => {
    await view.shows("grads", "Step 0");
    await view.click("weights");
    await view.shows('layer="fc1"');
    await eventually(async () => expect(await view.page.locator("canvas, svg rect").count()).toBeGreaterThan(0));
  }),
];
