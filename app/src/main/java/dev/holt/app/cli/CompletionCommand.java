package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
        name = "completion",
        description = "Print a completion script for your shell.",
        mixinStandardHelpOptions = true,
        footer = {"", "bash: source <(holt completion bash)", "zsh: the same, after `autoload -U compinit; compinit`"})
final class CompletionCommand implements Callable<Integer> {
    private final CommandContext context;

    @CommandLine.Spec
    private CommandLine.Model.CommandSpec spec;

    /** The shells that the script serves. */
    private enum Shell {
        bash,
        zsh
    }

    @Parameters(paramLabel = "SHELL", description = "bash or zsh.")
    private Shell shell;

    CompletionCommand(CommandContext context) {
        this.context = context;
    }

    @Override
    public Integer call() {
        if (shell == Shell.zsh) {
            context.out().println("autoload -U +X bashcompinit && bashcompinit");
        }
        context.out().print(AutoComplete.bash("holt", spec.root().commandLine()));
        return ExitCode.OK;
    }
}
