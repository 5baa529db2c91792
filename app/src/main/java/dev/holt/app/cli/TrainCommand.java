package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.server.Training;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** For the holt script, which runs it once a build. */
@Command(name = "train", hidden = true, mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {
    private final CommandContext context;

    @Mixin
    private SettingsOptions options = new SettingsOptions();

    TrainCommand(CommandContext context) {
        this.context = context;
    }

    @Override
    public Integer call() throws IOException {
        Training.run(options.read(context), VersionCommand.version());
        return ExitCode.OK;
    }
}
