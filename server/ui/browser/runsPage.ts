// Browser test: the list of runs, its query and its batch actions.
import { expect } from "bun:test";
import { runsLink } from "./links.ts";
import { leaf, river } from "./ownRuns.ts";
import type { Scenario, View } from "./stage.ts";

async function search(view: View, query: string): Promise<void> {
  await view.one(".monaco-editor").click();
  await view.page.keyboard.press("Control+A");
  await view.page.keyboard.type(query);
  await view.page.keyboard.press("Escape");
  await view.button("Search").click();
}

export const runsScenarios: readonly Scenario[] = [
  [
    "the runs list has runs with properties, parameters and last values, and exports them",
    async (stage) => {
      await stage.visit(runsLink('run.experiment == "woods"'), async (view) => {
        await view.shows(
          "forest",
          "leaf",
          "river",
          "woods",
          "oak",
          "09:04:00 · 02 Nov, 26",
          "hparams.kind",
          '"alder"',
          "5900",
        );
        await view.settles();
        const { name, bytes } = await view.download(view.button("Export"));
        expect(name).toEndWith(".csv");
        const csv = Buffer.from(bytes).toString();
        for (const part of ["forest", "river", "leaf", '"""mixed"""', '"0.25"']) expect(csv).toContain(part);
      });
    },
  ],
  [
    "scrolling the runs list brings the runs of the next page",
    async (stage) => {
      await stage.visit("/runs", async (view) => {
        await view.shows("all kinds", "baseline 0");
        await view.settles();
        await view.page.mouse.move(700, 600);
        const last = view.text("прогон №4");
        for (let turn = 0; turn < 50 && (await last.count()) === 0; turn++) {
          await view.page.mouse.wheel(0, 2_000);
          await Bun.sleep(100);
        }
        await last.waitFor();
      });
    },
  ],
  [
    "a query that does not parse is marked where it breaks, and the next one is searched",
    async (stage) => {
      await stage.visit("/runs", async (view) => {
        await view.shows("all kinds");
        // The UI reads the body of a refusal twice, which fails by itself (ui-needs.md 3.3).
        view.expected.push("400 to GET", "status of 400", "body stream already read");
        await search(view, "run.hparams.lr >>> 3");
        await view.shows("Query syntax error at line (1, 17");
        await view.page.locator(".squiggly-error").first().waitFor();
        await view.picture("syntax");
        await search(view, 'run.hparams.kind == "birch"');
        await view.shows("leaf", '"birch"');
        await view.hides("all kinds");
      });
    },
  ],
  [
    "runs are archived, stopped and deleted together, and the list and the store follow",
    async (stage) => {
      const act = async (view: View, action: string) => {
        await view.page.locator("input[type=checkbox]").first().click({ force: true });
        await view.shows("1 Selected");
        await view.button(action).click();
        await view.page.getByRole("dialog").getByRole("button", { name: action }).click();
      };
      const isGone = async (view: View) => await view.hides(/leaf/);
      await stage.visit(runsLink("run.hparams.trees == 1"), async (view) => {
        await view.shows("leaf");
        await view.settles();
        await act(view, "Archive");
        await stage.stored(`runs/${leaf}/info`, (run: { props: { archived: boolean } }) => run.props.archived, true);
        await isGone(view);
      });
      await stage.visit(runsLink('run.name == "river"'), async (view) => {
        await view.shows("river");
        await view.settles();
        await act(view, "Stop");
        await stage.stored(`runs/${river}/info`, (run: { props: { active: boolean } }) => run.props.active, false);
      });
      await stage.visit(runsLink("run.hparams.trees == 1 and run.archived"), async (view) => {
        await view.shows("leaf");
        await view.settles();
        await act(view, "Delete");
        await isGone(view);
        await view.hides("Selected");
        await expect(stage.rest("GET", `runs/${leaf}/info`)).rejects.toThrow("404");
      });
    },
  ],
];
