package dev.holt.app.cli;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@Command(name = "kill", description = "End sandboxes and print the ids of those that were ended.")
final class SandboxKillCommand extends ClientCommand {
    @ArgGroup(multiplicity = "1")
    private Which which = new Which();

    /** Either names or all: nobody ends all by forgetting a name. */
    private static final class Which {
        @Parameters(paramLabel = "SANDBOX", arity = "1..*")
        private List<String> sandboxes = new ArrayList<>();

        @Option(names = "--all", description = "All of yours.")
        private boolean all;
    }

    SandboxKillCommand(CommandContext context) {
        super(context);
    }

    @Override
    int run(RestClient client) {
        List<String> ids = which.sandboxes;
        if (which.all) {
            ids = new ArrayList<>();
            for (JsonNode sandbox : client.getPages("/v2/sandboxes?limit=100")) {
                ids.add(sandbox.path("sandboxID").asString());
            }
        }
        int exitCode = ExitCode.OK;
        var killed = JsonMapper.shared().createArrayNode();
        for (String id : ids) {
            try {
                client.delete("/sandboxes/" + RestClient.encode(id));
                killed.add(id);
            } catch (ClientException e) {
                context().err().println("holt: " + id + ": " + e.getMessage());
                exitCode = e.exitCode();
            }
        }
        if (!printedJson(killed)) {
            killed.forEach(id -> context().out().println(id.asString()));
        }
        return exitCode;
    }
}
