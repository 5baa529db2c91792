package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.settings.SettingsDocument;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** For Holt's own developers: renews docs/configuration.md. */
@Command(name = "document-settings", hidden = true, mixinStandardHelpOptions = true)
final class DocumentSettingsCommand implements Callable<Integer> {
    @Parameters(paramLabel = "FILE")
    private Path file;

    @Override
    public Integer call() throws IOException {
        SettingsDocument.write(file);
        return ExitCode.OK;
    }
}
