package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

@Command(name = "version", description = "Print Holt's version.", mixinStandardHelpOptions = true)
final class VersionCommand implements Callable<Integer>, IVersionProvider {
    private final @Nullable CommandContext context;

    @Option(names = "--json", description = "Print JSON, for scripts.")
    private boolean json;

    /** For picocli, which wants the version for {@code --version}. */
    VersionCommand() {
        this.context = null;
    }

    VersionCommand(CommandContext context) {
        this.context = context;
    }

    @Override
    public Integer call() throws IOException {
        if (context == null) {
            throw new IllegalStateException("made to be asked for the version only");
        }
        if (json) {
            context.printJson(JsonMapper.shared()
                    .createObjectNode()
                    .put("version", version())
                    .put("java", Runtime.version().toString()));
        } else {
            context.out().println(getVersion()[0]);
        }
        return ExitCode.OK;
    }

    @Override
    public String[] getVersion() throws IOException {
        return new String[] {"holt " + version() + " (Java " + Runtime.version() + ")"};
    }

    /** Of the build, from the resource that Maven fills in. */
    static String version() throws IOException {
        Properties properties = new Properties();
        try (InputStream input = VersionCommand.class.getResourceAsStream("/dev/holt/app/version.properties")) {
            if (input == null) {
                throw new IOException("version.properties is missing from the build");
            }
            properties.load(input);
        }
        return properties.getProperty("version");
    }
}
