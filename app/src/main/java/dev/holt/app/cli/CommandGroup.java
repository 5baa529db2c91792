package dev.holt.app.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Commands that only hold others; alone they say which there are. */
@Command(mixinStandardHelpOptions = true, synopsisSubcommandLabel = "COMMAND")
abstract sealed class CommandGroup implements Runnable {
    @CommandLine.Spec
    private CommandLine.Model.CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "Which command?");
    }

    @Command(name = "sandbox", description = "Create, use and end sandboxes.")
    static final class Sandbox extends CommandGroup {}

    @Command(name = "template", description = "What sandboxes start from.")
    static final class Template extends CommandGroup {}

    @Command(name = "snapshot", description = "What was captured of sandboxes.")
    static final class Snapshot extends CommandGroup {}

    @Command(name = "api-key", description = "Keys that let clients in.")
    static final class ApiKey extends CommandGroup {}
}
