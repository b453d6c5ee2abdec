// `matyan completion`: the script that makes a shell complete commands, options and names of the store.
import { type Shell, scripts, shells } from "../completion/scripts.ts";
import { type Define, examples, execute } from "../runtime.ts";

const notes = `
Completes commands, options and their values, hashes of runs, experiments, tags and metrics of the store.

Put this in ~/.bashrc, or in ~/.zshrc behind compinit:
  source <(matyan completion bash)
  source <(matyan completion zsh)
For fish, once:
  matyan completion fish > ~/.config/fish/completions/matyan.fish`;

export const define: Define = (command) => {
  command
    .description("Print what makes a shell complete commands, options and names of runs.")
    .addArgument(command.createArgument("<shell>", "the shell").choices([...shells]))
    .addHelpText("after", notes)
    .addHelpText("after", examples("matyan completion bash", "matyan completion zsh > ~/.zfunc/_matyan"))
    .action(
      execute<[Shell], object>(async ({ out }, _options, shell) => {
        if (out.json) out.record({ shell, script: scripts[shell] });
        else out.raw(scripts[shell]);
      }),
    );
};
