package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.server.Holt;
import dev.holt.app.server.InstanceLock;
import dev.holt.app.server.Logging;
import dev.holt.app.server.Shutdown;
import dev.holt.app.settings.Settings;
import dev.holt.app.settings.SettingsTable;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
        name = "serve",
        description = "Run Holt as a service: no self-test, nothing printed but the log. SIGTERM stops it.",
        mixinStandardHelpOptions = true)
final class ServeCommand implements Callable<Integer> {
    private final CommandContext context;

    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Mixin
    private EnvFileOption envFile = new EnvFileOption();

    ServeCommand(CommandContext context) {
        this.context = context;
    }

    @Override
    public Integer call() throws IOException {
        Settings settings = options.read(context);
        Logging.setLevel(settings.get(SettingsTable.LOG_LEVEL));
        var log = LoggerFactory.getLogger(ServeCommand.class);
        try (InstanceLock _ = InstanceLock.take(settings.get(SettingsTable.STATE_DIRECTORY));
                Shutdown shutdown = Shutdown.ofThisThread()) {
            envFile.prepare();
            try (Holt holt = Holt.start(settings, VersionCommand.version(), log::info)) {
                envFile.write(holt);
                log.info("clients find this Holt at {}", holt.clientVariables().get("E2B_API_URL"));
                shutdown.await();
                log.info("stopping");
            }
        }
        return ExitCode.OK;
    }
}
