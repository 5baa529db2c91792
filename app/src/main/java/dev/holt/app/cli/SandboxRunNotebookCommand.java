package dev.holt.app.cli;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import dev.holt.app.notebook.Notebook;
import dev.holt.app.notebook.NotebookRun;
import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "run-notebook",
        description = "Execute a notebook file in a sandbox and give it back with its outputs.",
        footer = {
            "",
            "The cells run in a new kernel of the sandbox, which ends with them. The notebook is written also when a cell",
            "fails, with what there was until then; the exit code is 1 then. A cell with the tag raises-exception may fail."
        })
final class SandboxRunNotebookCommand extends ClientCommand {
    @Parameters(index = "0", paramLabel = "SANDBOX")
    private String sandbox;

    @Parameters(index = "1", paramLabel = "NOTEBOOK", description = "An .ipynb file, nbformat 4.")
    private Path file;

    @ArgGroup
    private @Nullable Destination destination;

    /** Where the executed notebook goes. */
    private static final class Destination {
        @Option(
                names = {"-o", "--output"},
                paramLabel = "FILE",
                description = "Where to write it. Default: standard output.")
        private @Nullable Path output;

        @Option(names = "--in-place", description = "Write it over the file that was read.")
        private boolean inPlace;
    }

    @Option(
            names = "--kernel",
            paramLabel = "NAME",
            description = "The kernel to use. Default: the notebook's own, or one for its language.")
    private @Nullable String kernel;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "0",
            description = "Interrupt a cell that takes longer; it has failed then. Default: 0, never.")
    private int timeout;

    @Option(names = "--allow-errors", description = "Go on after a cell that failed. The exit code is 1 all the same.")
    private boolean allowErrors;

    SandboxRunNotebookCommand(CommandContext context) {
        super(context);
    }

    @Override
    int run(RestClient client) throws IOException, InterruptedException {
        if (timeout < 0) {
            throw new ClientException(ExitCode.USAGE, "--timeout must be 0 or more; got " + timeout);
        }
        Notebook notebook;
        try {
            notebook = Notebook.parse(Files.readAllBytes(file));
        } catch (IOException e) {
            throw new ClientException(ExitCode.USAGE, "Can't read " + file + ": " + e);
        } catch (Notebook.Malformed e) {
            throw new ClientException(ExitCode.USAGE, "Can't execute " + file + ": " + e.getMessage());
        }
        var options = new NotebookRun.Options(
                Optional.ofNullable(kernel),
                timeout == 0 ? Optional.empty() : Optional.of(Duration.ofSeconds(timeout)),
                allowErrors);
        Optional<String> failed;
        try (HttpClient http = RestClient.httpClient()) {
            try {
                failed = new NotebookRun(
                                http,
                                SandboxExecCommand.address(client, context(), sandbox),
                                options,
                                line -> context().err().println("holt: " + line))
                        .execute(notebook);
            } catch (ClientException e) {
                if (hasOutputs(notebook)) {
                    write(notebook);
                }
                throw e;
            } finally {
                http.shutdownNow();
            }
        }
        write(notebook);
        failed.ifPresent(why -> context().err().println("holt: failed in " + why));
        return failed.isPresent() ? ExitCode.FAILED : ExitCode.OK;
    }

    private static boolean hasOutputs(Notebook notebook) {
        return notebook.codeCells().stream()
                .anyMatch(cell -> !cell.json().path("outputs").isEmpty());
    }

    private void write(Notebook notebook) throws IOException {
        Destination to = destination;
        if (to == null || (to.output == null && !to.inPlace)) {
            context().out().writeBytes(notebook.toBytes());
            context().out().flush();
            return;
        }
        Path target = to.output == null ? file : to.output;
        try {
            notebook.write(target);
        } catch (IOException e) {
            throw new ClientException(ExitCode.FAILED, "Can't write " + target + ": " + e);
        }
    }
}
