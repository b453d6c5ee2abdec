// Browser test: tags, bookmarks and reports are made, changed and taken away.
import { expect } from "bun:test";
import { selectLink } from "./links.ts";
import { eventually, type Scenario, type View } from "./stage.ts";

interface Named {
  readonly name: string;
}

const names = (found: readonly Named[]) => found.map(({ name }) => name);

async function fillDialog(view: View, name: string, description: string): Promise<void> {
  await view.one("#name").fill(name);
  await view.one("#description").fill(description);
  await view.page
    .getByRole("button", { name: /^save$/i })
    .filter({ visible: true })
    .last()
    .click();
}

export const collectionScenarios: readonly Scenario[] = [
  [
    "a tag shows its runs; one is made, renamed, hidden and deleted",
    async (stage) => {
      const tags = async () => (await stage.rest("GET", "tags")) as (Named & { readonly archived: boolean })[];
      await stage.visit("/tags", async (view) => {
        const detail = view.page.locator(".TagDetail");
        await view.shows("9 Tags", "β-test");
        await view.click("oak");
        await detail.getByText("forest").waitFor();
        await view.picture("oak");
        await view.page.keyboard.press("Escape");
        await view.button("Create Tag").click();
        await view.one("input[placeholder=Name]").fill("moss");
        await view.one("textarea[placeholder=Comment]").fill("soft");
        await view.button(/^Create$/).click();
        await view.shows("10 Tags", "soft");
        expect(await tags()).toContainEqual(expect.objectContaining({ name: "moss", description: "soft" }));
      });
      await stage.visit("/tags", async (view) => {
        const detail = view.page.locator(".TagDetail");
        await view.click("moss");
        await detail.locator("button:has(.icon-edit)").click();
        await view.one("input[placeholder=Name]").fill("lichen");
        await view.button(/^Save$/).click();
        await view.shows("lichen", "Tag successfully updated");
        expect(names(await tags())).toContain("lichen");
      });
      const isHidden = async () => (await tags()).find(({ name }) => name === "lichen")?.archived;
      await stage.visit("/tags", async (view) => {
        const detail = view.page.locator(".TagDetail");
        await view.click("lichen");
        await detail.locator("button:has(.icon-eye-outline-hide)").click();
        await view.page.getByRole("dialog").getByRole("button", { name: "Hide" }).click();
        await view.shows("9 Tags");
        expect(await isHidden()).toBe(true);
        await view.click("Hidden Tags");
        await view.click("lichen");
        await detail.locator("button:has([class*=icon-eye])").click();
        await view.page
          .getByRole("dialog")
          .getByRole("button", { name: /bring back|show|unhide/i })
          .click();
        await eventually(async () => expect(await isHidden()).toBe(false));
      });
      await stage.visit("/tags", async (view) => {
        const detail = view.page.locator(".TagDetail");
        await view.click("lichen");
        await detail.locator("button:has(.icon-delete)").click();
        const dialog = view.page.getByRole("dialog");
        await dialog.locator("input").fill("lichen");
        await dialog.getByRole("button", { name: "Delete" }).click();
        await view.shows("9 Tags");
        expect(names(await tags())).not.toContain("lichen");
      });
    },
  ],
  [
    "a bookmark keeps what a page shows, opens it again, and is deleted",
    async (stage) => {
      await stage.visit(selectLink("metrics", ["height"], 'run.name == "forest"'), async (view) => {
        await view.one("svg path.Line").waitFor();
        await view.button("Bookmark").click();
        await fillDialog(view, "trees over time", "of the forest");
        await view.shows("Bookmark successfully created");
      });
      await stage.stored("dashboards", names, ["trees over time"]);
      await stage.visit("/bookmarks", async (view) => {
        await view.shows("trees over time", "of the forest");
        await view.picture();
        await view.click("View Bookmark");
        await view.shows('run.name == "forest"', "height");
        await view.one("svg path.Line").waitFor();
        expect(new URL(view.page.url()).pathname).toMatch(/^\/metrics\/[0-9a-f-]{36}$/);
        await view.page.goBack();
        await view.one("button:has(.icon-delete)").click();
        await view.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
        await view.hides("trees over time");
      });
      await stage.stored("dashboards", names, []);
    },
  ],
  [
    "a report is written, listed and changed",
    async (stage) => {
      const codes = (found: readonly { readonly code: string }[]) => found.map(({ code }) => code);
      const write = async (view: View, text: string) => {
        await view.one(".monaco-editor").click();
        await view.page.keyboard.press("Control+A");
        await view.page.keyboard.type(text);
        await view.button("Save").click();
      };
      await stage.visit("/reports/new", async (view) => {
        await write(view, "# Growth of all");
        await fillDialog(view, "growth report", "how it grew");
        await view.page.waitForURL(/\/reports\/[0-9a-f-]{36}\/edit/);
      });
      await stage.stored("reports", codes, ["# Growth of all"]);
      await stage.visit("/reports", async (view) => {
        await view.shows("growth report", "how it grew");
        await view.click("growth report");
        await view.page.waitForURL(/\/reports\/[0-9a-f-]{36}$/);
        const { pathname } = new URL(view.page.url());
        await view.go(`${pathname}/edit`);
        await view.shows("growth report");
        await write(view, "# Decline of some");
        // The UI asks for the name again.
        await fillDialog(view, "growth report", "how it shrank");
        await stage.stored("reports", codes, ["# Decline of some"]);
      });
    },
  ],
];
