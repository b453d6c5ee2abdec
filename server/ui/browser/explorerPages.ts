// Browser test: the explorers of parameters, pictures, figures, sounds and texts, and the newer one of metrics.
import { expect } from "bun:test";
import { queryLink, selectLink } from "./links.ts";
import { eventually, type Scenario } from "./stage.ts";

export const explorerScenarios: readonly Scenario[] = [
  [
    "the params explorer draws a line for each run",
    async (stage) => {
      const link = selectLink("params", ["hparams.lr", "hparams.trees"], 'run.experiment == "woods"');
      await stage.visit(link, async (view) => {
        await view.shows("forest", "river", "leaf", "hparams.trees", "0.75");
        await eventually(async () => expect(await view.page.locator("svg path.Line").count()).toBe(3));
      });
    },
  ],
  [
    "the scatters explorer puts a point for each run where its parameters say",
    async (stage) => {
      await stage.visit("/scatters", async (view) => {
        for (const [axis, name] of [
          ["X axis", "hparams.lr"],
          ["Y axis", "hparams.trees"],
        ] as const) {
          const choice = view.page.getByText(name, { exact: true }).filter({ visible: true }).first();
          // Keys typed before the list has the focus are lost on a busy machine: open it again then.
          await eventually(async () => {
            await view.text(axis).click({ force: true });
            await view.page.keyboard.type(name);
            await choice.waitFor({ timeout: 3_000 }).catch(async (error: unknown) => {
              await view.page.keyboard.press("Escape");
              throw error;
            });
          });
          await view.page.keyboard.press("Enter");
        }
        await view.button("Search").click();
        await view.shows("forest", "river");
        await eventually(async () => expect(await view.page.locator("svg circle").count()).toBeGreaterThan(2));
        await view.says("1 7 9", "0.125 0.25", "0.75");
      });
    },
  ],
  [
    "the images explorer shows the pictures of all runs, with steps and captions",
    async (stage) => {
      await stage.visit(selectLink("images", ["samples"]), async (view) => {
        await view.shows("artifacts run", "images run", "shown, but no artifact", "step 2");
        await view.one("img[src^='data:image/']").waitFor();
        await view.shows("0 - 11");
      });
    },
  ],
  [
    "the figures explorer draws the figures of all steps",
    async (stage) => {
      await stage.visit(queryLink("figures", "scatter"), async (view) => {
        await view.shows("record.step=4", "figures & distributions");
        await view.one(".js-plotly-plot .scatterlayer path.js-line").waitFor();
      });
    },
  ],
  [
    "the audios explorer has a player for each step",
    async (stage) => {
      await stage.visit(queryLink("audios", "song"), async (view) => {
        await view.shows("record.step=0", "record.step=1", "record.step=2", "bird 2", '"forest"');
        view.expected.push("play() request was interrupted");
        await view.one(".AudioBox__controllers__player").click({ position: { x: 8, y: 8 } });
        await view.shows("/00:01");
      });
    },
  ],
  [
    "the text explorer shows the text of a step, and of the next",
    async (stage) => {
      await stage.visit(queryLink("text", "tale"), async (view) => {
        await view.shows("tree number 0", 'teller="owl"', '"forest"');
        await view.one("button:has(.icon-arrow-right), .icon-arrow-right").click();
        await view.shows("tree number 1");
      });
    },
  ],
  [
    "the newer metrics explorer draws metrics by context",
    async (stage) => {
      await stage.visit(queryLink("metrics_v2", "height"), async (view) => {
        await view.says(
          'metric.context.subset="train"',
          'metric.context.subset="val"',
          "row=1, column=1",
          "row=2, column=1",
        );
        await eventually(async () => expect(await view.page.locator("svg path.Line").count()).toBe(4));
      });
    },
  ],
];
