// Browser test: what is changed on the page of a run is in the store, and on the page when it is opened again.
import { expect } from "bun:test";
import { leaf } from "./ownRuns.ts";
import type { Scenario, View } from "./stage.ts";

interface Info {
  readonly props: {
    readonly name: string;
    readonly description: string;
    readonly archived: boolean;
    readonly tags: readonly { readonly name: string }[];
  };
}

interface Note {
  readonly content: string;
}

const info = `runs/${leaf}/info`;
const notes = `runs/${leaf}/note`;

/** Types at the end of the note and saves it. */
export async function writeNote(view: View, text: string, answer: string): Promise<void> {
  await view.one(".ProseMirror").click();
  await view.page.keyboard.press("Control+End");
  await view.page.keyboard.type(text);
  await view.button("Save").click();
  await view.shows(answer);
}

export const runEditScenarios: readonly Scenario[] = [
  [
    "a run is renamed and described",
    async (stage) => {
      await stage.visit(`/runs/${leaf}/settings`, async (view) => {
        await view.shows("Run Properties");
        await view.one("input[type=text]").fill("leaf of autumn");
        await view.one("textarea").fill("fell in October");
        await view.button("Save").click();
        await view.shows("Changes successfully saved");
      });
      const wanted = { name: "leaf of autumn", description: "fell in October" };
      await stage.stored(info, ({ props: { name, description } }: Info) => ({ name, description }), wanted);
      await stage.visit(`/runs/${leaf}/overview`, (view) => view.shows("woods / leaf of autumn", "fell in October"));
    },
  ],
  [
    "a run is archived, and taken back",
    async (stage) => {
      const archived = ({ props }: Info) => props.archived;
      await stage.visit(`/runs/${leaf}/settings`, async (view) => {
        await view.button(/^Archive$/).click();
        await view.shows("Unarchive Run");
        await stage.stored(info, archived, true);
      });
      await stage.visit(`/runs/${leaf}/settings`, async (view) => {
        await view.button(/^Unarchive$/).click();
        await view.shows("Archive Run");
        await stage.stored(info, archived, false);
      });
    },
  ],
  [
    "a tag is put on a run, and taken off",
    async (stage) => {
      const names = ({ props }: Info) => props.tags.map(({ name }) => name);
      const toggle = async (view: View) => {
        await view.one(".AttachedTagsList__ControlPopover__editPopoverButton").click();
        await view.page.locator(".MuiPopover-paper").getByText("oak", { exact: true }).first().click();
      };
      await stage.visit(`/runs/${leaf}/overview`, async (view) => {
        await view.shows("No attached tags");
        await toggle(view);
        await stage.stored(info, names, ["oak"]);
      });
      await stage.visit(`/runs/${leaf}/overview`, async (view) => {
        await view.shows("Tags (1)");
        await toggle(view);
        await stage.stored(info, names, []);
        await view.closePopups();
        await view.shows("No attached tags");
      });
    },
  ],
  [
    "a note is written, gone on with, counted and shown again",
    async (stage) => {
      await stage.visit(`/runs/${leaf}/notes`, async (view) => {
        await writeNote(view, "brown", "Note successfully created");
        await writeNote(view, " and dry", "Note successfully updated");
      });
      await stage.stored(notes, (found: readonly Note[]) => found.map(({ content }) => content), ["brown and dry"]);
      await stage.visit(`/runs/${leaf}/notes`, (view) => view.shows("brown and dry"));
      await stage.visit(`/runs/${leaf}/overview`, async (view) => {
        await view.shows("Insights");
        await view.says("Notes 1");
      });
    },
  ],
  [
    "a run is deleted on its page, and its page is left",
    async (stage) => {
      const doomed = "97030ee7b4b55ec131ea152becef4119";
      await stage.visit(`/runs/${doomed}/settings`, async (view) => {
        await view.shows("audio run");
        await view.button("Delete").click();
        await view.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
        await view.page.waitForURL((url) => !url.pathname.includes(doomed));
      });
      await expect(stage.rest("GET", `runs/${doomed}/info`)).rejects.toThrow("404");
    },
  ],
];
