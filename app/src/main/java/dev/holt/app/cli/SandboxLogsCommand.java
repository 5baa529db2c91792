package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(name = "logs", description = "Print the last lines that a sandbox logged, oldest first.")
final class SandboxLogsCommand extends ClientCommand {
    @Parameters(paramLabel = "SANDBOX")
    private String sandbox;

    @Option(
            names = "--limit",
            paramLabel = "LINES",
            defaultValue = "1000",
            description = "At most so many lines, 1 to 1000. Default: 1000.")
    private int limit;

    SandboxLogsCommand(CommandContext context) {
        super(context);
    }

    @Override
    int run(RestClient client) {
        JsonNode answer =
                client.get("/v2/sandboxes/" + RestClient.encode(sandbox) + "/logs?direction=backward&limit=" + limit);
        if (printedJson(answer)) {
            return ExitCode.OK;
        }
        for (JsonNode line : oldestFirst(answer.path("logs"))) {
            context()
                    .out()
                    .printf(
                            "%s %-5s %s%n",
                            Times.ofAnswer(line.path("timestamp").asString("")),
                            line.path("level").asString(""),
                            line.path("message").asString(""));
        }
        return ExitCode.OK;
    }

    /** The last lines are asked for, and come the newest first. */
    private static List<JsonNode> oldestFirst(JsonNode lines) {
        List<JsonNode> sorted = new ArrayList<>();
        lines.forEach(sorted::add);
        Collections.reverse(sorted);
        return sorted;
    }
}
