// `matyan ui install`: the web UI, kept beside the data for `matyan serve`.
import { installUi } from "../../server/ui/install.ts";
import { uiRequirement } from "../../server/ui/pip.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { counted, shortBytes } from "../ui/numbers.ts";

const notes = `
Without WHEEL, the machine's own pip downloads ${uiRequirement} (python3 -m pip, pip3 or pip; any version of Python): it is
unpacked, not installed. Every file is checked against the hashes in the wheel. It is kept below ui/ in the data folder;
a server that is running shows it when its page is loaded again, unless it shows another one already.`;

export const define: Define = (command) => {
  command
    .argument("[wheel]", "the wheel of matyan-ui, when it is here already")
    .addHelpText("after", notes)
    .addHelpText("after", examples("matyan ui install", "matyan ui install matyan_ui-0.3.2-py3-none-any.whl"))
    .action(execute<[string | undefined], object>(install));
};

async function install({ out, progress, config, signal }: Context, _: object, wheel?: string): Promise<void> {
  progress.stage(wheel === undefined ? `downloading ${uiRequirement}` : "unpacking the web UI");
  const ui = await installUi(config.dataDir, wheel, signal);
  out.info(`Web UI ${ui.version}: ${counted(ui.files, "file")}, ${shortBytes(ui.bytes)}, in ${ui.folder}.`);
  out.info("`matyan serve` serves it.");
  out.record({ version: ui.version, folder: ui.folder, sha256: ui.sha256, files: ui.files, bytes: ui.bytes });
}
