package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.server.Holt;
import dev.holt.app.server.InstanceLock;
import dev.holt.app.server.Logging;
import dev.holt.app.server.SelfTest;
import dev.holt.app.server.Shutdown;
import dev.holt.app.settings.Settings;
import dev.holt.app.settings.SettingsTable;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
        name = "up",
        description = "Start Holt in this terminal, prove that it works and print what clients need. Ctrl-C stops it.",
        mixinStandardHelpOptions = true)
final class UpCommand implements Callable<Integer> {
    private final CommandContext context;

    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Mixin
    private EnvFileOption envFile = new EnvFileOption();

    UpCommand(CommandContext context) {
        this.context = context;
    }

    @Override
    public Integer call() throws IOException {
        Settings settings = options.read(context);
        Logging.setLevel(settings.get(SettingsTable.LOG_LEVEL));
        try (InstanceLock _ = InstanceLock.take(settings.get(SettingsTable.STATE_DIRECTORY));
                Shutdown shutdown = Shutdown.ofThisThread()) {
            envFile.prepare();
            try (Holt holt = Holt.start(settings, VersionCommand.version(), this::say)) {
                SelfTest.Result result = SelfTest.run(holt.clientVariables());
                envFile.write(holt);
                print(holt, result);
                shutdown.await();
                say(
                        settings.get(SettingsTable.KILL_ON_STOP)
                                ? "stopping, and ending every sandbox"
                                : "stopping; sandboxes run on, and the next start finds them");
            }
        }
        return ExitCode.OK;
    }

    private void say(String line) {
        context.err().println("holt: " + line);
    }

    private void print(Holt holt, SelfTest.Result result) {
        String isolations = holt.isolations().stream()
                .map(isolation -> isolation.wireName())
                .collect(Collectors.joining(", "));
        context.out()
                .printf(
                        "%nHolt is ready. It offers %s. A sandbox started in %d ms and ran a command in %d ms.%n",
                        isolations, result.create().toMillis(), result.command().toMillis());
        context.out().printf("Export this where your client runs:%n%n");
        holt.clientVariables().forEach((name, value) -> context.out().printf("export %s=%s%n", name, value));
        context.out().printf("%nCtrl-C stops Holt. `holt sandbox list` and `holt --help` work in another terminal.%n");
        context.out().flush();
    }
}
