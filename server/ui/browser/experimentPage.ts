// Browser test: the tabs of an experiment.
import { expect } from "bun:test";
import { writeNote } from "./runEdits.ts";
import type { Scenario, Stage } from "./stage.ts";

interface Experiment {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly run_count: number;
}

async function find(stage: Stage, name: string): Promise<Experiment> {
  const all = (await stage.rest("GET", "experiments")) as Experiment[];
  const found = all.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no experiment ${name}`);
  return found;
}

export const experimentScenarios: readonly Scenario[] = [
  [
    "an experiment has its counts, map of days and feed, and its runs with last values",
    async (stage) => {
      const { id } = await find(stage, "woods");
      await stage.visit(`/experiments/${id}/overview`, async (view) => {
        await view.shows("Total runs: 3", "Runs status", "Contributions", "Started a run:", "09:04:00 AM", "river");
        await view.page.locator("[title*='3 tracked runs on Nov 2, 2026']").waitFor();
        await view.click("Runs");
      });
      await stage.visit(`/experiments/${id}/runs`, async (view) => {
        await view.shows(
          "Experiment Runs (3/3)",
          "forest",
          "river",
          "step: 59 / value: 5900",
          "step: 59 / value: 34.5",
        );
      });
    },
  ],
  [
    "an experiment is renamed, described, and given a note",
    async (stage) => {
      const { id } = await find(stage, "baseline");
      await stage.visit(`/experiments/${id}/settings`, async (view) => {
        await view.shows("Experiment Properties");
        await view.one("input[type=text]").fill("ground line");
        await view.one("textarea").fill("all start here");
        await view.button("Save").click();
        await view.shows("Changes successfully saved");
      });
      const stored = await find(stage, "ground line");
      expect(stored).toMatchObject({ id, run_count: 11 });
      await stage.visit(`/experiments/${id}/notes`, (view) => writeNote(view, "steady", "Note successfully created"));
      const contents = (found: readonly { readonly content: string }[]) => found.map(({ content }) => content);
      await stage.stored(`experiments/${id}/note`, contents, ["steady"]);
      await stage.visit(`/experiments/${id}/overview`, (view) => view.shows("ground line", "all start here"));
      await stage.visit(`/experiments/${id}/notes`, (view) => view.shows("steady"));
    },
  ],
  [
    "an experiment is deleted after a question",
    async (stage) => {
      const { id } = await find(stage, "large scale");
      await stage.visit(`/experiments/${id}/settings`, async (view) => {
        await view.button("Delete").click();
        const dialog = view.page.getByRole("dialog");
        await dialog.getByText("Are you sure").waitFor();
        await dialog.getByRole("button", { name: "Delete" }).click();
        await view.page.waitForURL((url) => !url.pathname.includes(id));
      });
      await expect(stage.rest("GET", `experiments/${id}`)).rejects.toThrow("404");
    },
  ],
];
