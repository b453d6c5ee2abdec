// Browser test: the dashboard, its counts, feed and map of days, in the time zone of who looks.
import { expect } from "bun:test";
import { eventually, type Scenario, type View } from "./stage.ts";

/** Which days of the map have runs, as their tooltips say. */
async function days(view: View): Promise<string[]> {
  const cells = view.page.locator(".CalendarHeatmap__cell:not(.CalendarHeatmap__cell--scale-0)");
  const titles: string[] = [];
  for (const cell of await cells.all()) titles.push((await cell.getAttribute("title")) ?? "");
  return titles.map((each) => each.trim()).filter((each) => each !== "");
}

export const dashboardScenarios: readonly Scenario[] = [
  [
    "the dashboard counts runs and sequences, and shows active runs, experiments, tags and the feed",
    async (stage) => {
      await stage.visit("/", async (view) => {
        await view.shows(
          "Total runs: 40",
          "Experiments (4)",
          "woods",
          "baseline",
          "Tags (9)",
          "oak",
          "Active runs (10)",
        );
        await view.shows("river", "all kinds", "Contributions");
        await view.says("Runs 37 Archived 3", "Metrics 42 Sys. Metrics 2 Figures 2 Images 4 Audios 4 Texts 4");
        await eventually(async () => expect(await days(view)).toContain("3 tracked runs on Nov 2, 2026"));
        await view.says("09:04:00 AM Started a run: woods / leaf");
      });
    },
  ],
  [
    "the map of days and the times of runs are those of the browser's time zone",
    async (stage) => {
      const look = (day: string, time: string) => async (view: View) => {
        await eventually(async () => expect(await days(view)).toContain(day));
        await view.shows(time);
      };
      // 09:00 to 09:04 UTC on November 2 is November 1 in Honolulu.
      await stage.visit("/", look("3 tracked runs on Nov 1, 2026", "23:02:00 · 01 Nov, 26"), "Pacific/Honolulu");
    },
  ],
];
