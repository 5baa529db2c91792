package dev.holt.app.cli;

import dev.holt.app.client.RestClient;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** A command that asks a running Holt and prints the answer: a table for people or, with {@code --json}, as it came. */
@Command(mixinStandardHelpOptions = true)
abstract class ClientCommand implements Callable<Integer> {
    private final CommandContext context;

    @Option(names = "--json", description = "Print JSON, for scripts.")
    private boolean json;

    ClientCommand(CommandContext context) {
        this.context = context;
    }

    @Override
    public final Integer call() throws Exception {
        try (RestClient client = new RestClient(context.access())) {
            return run(client);
        }
    }

    /** Does the work and returns the exit code. */
    abstract int run(RestClient client) throws Exception;

    final CommandContext context() {
        return context;
    }

    /** Whether {@code answer} was printed as JSON because the caller wants that. */
    final boolean printedJson(JsonNode answer) {
        if (json) {
            context.printJson(answer);
        }
        return json;
    }
}
