package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

@Command(name = "list", description = "List your sandboxes.")
final class SandboxListCommand extends ClientCommand {
    @Option(names = "--metadata", paramLabel = "KEY=VALUE", description = "Only those with this metadata; repeatable.")
    private Map<String, String> metadata = new LinkedHashMap<>();

    @Option(names = "--state", paramLabel = "STATE", description = "Only those that are running, or paused.")
    private @Nullable State state;

    /** The two that clients know; lost ones count as paused. */
    private enum State {
        running,
        paused
    }

    SandboxListCommand(CommandContext context) {
        super(context);
    }

    @Override
    int run(RestClient client) {
        String path = "/v2/sandboxes?limit=100";
        if (!metadata.isEmpty()) {
            List<String> pairs = new ArrayList<>();
            metadata.forEach((key, value) -> pairs.add(RestClient.encode(key) + "=" + RestClient.encode(value)));
            path += "&metadata=" + RestClient.encode(String.join("&", pairs));
        }
        if (state != null) {
            path += "&state=" + state;
        }
        JsonNode sandboxes = client.getPages(path);
        if (printedJson(sandboxes)) {
            return ExitCode.OK;
        }
        TextTable table = new TextTable("SANDBOX", "TEMPLATE", "STATE", "CPUS", "MEMORY", "STARTED", "ENDS");
        for (JsonNode sandbox : sandboxes) {
            table.add(
                    sandbox.path("sandboxID").asString(""),
                    Objects.requireNonNullElse(
                            sandbox.path("alias").asStringOpt().orElse(null),
                            sandbox.path("templateID").asString("")),
                    sandbox.path("holt")
                            .path("state")
                            .asString(sandbox.path("state").asString("")),
                    sandbox.path("cpuCount").asString(""),
                    sandbox.path("memoryMB").asString("") + " MiB",
                    Times.ofAnswer(sandbox.path("startedAt").asString("")),
                    Times.ofAnswer(sandbox.path("endAt").asString("")));
        }
        table.print(context().out());
        return ExitCode.OK;
    }
}
