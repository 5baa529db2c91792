package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@Command(name = "create", description = "Create a sandbox and print its id.")
final class SandboxCreateCommand extends ClientCommand {
    @Parameters(
            arity = "0..1",
            paramLabel = "TEMPLATE",
            defaultValue = "base",
            description = "A template or a snapshot. Default: base.")
    private String template;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "300",
            description = "Time until it ends by itself. Default: 300.")
    private int timeout;

    @Option(names = "--metadata", paramLabel = "KEY=VALUE", description = "Metadata to find it by; repeatable.")
    private Map<String, String> metadata = new LinkedHashMap<>();

    @Option(names = "--env", paramLabel = "NAME=VALUE", description = "Variable of every process; repeatable.")
    private Map<String, String> environment = new LinkedHashMap<>();

    @Option(names = "--auto-pause", description = "Pause it at its end instead of killing it.")
    private boolean autoPause;

    @Option(names = "--auto-resume", description = "Let traffic resume it from a pause.")
    private boolean autoResume;

    SandboxCreateCommand(CommandContext context) {
        super(context);
    }

    @Override
    int run(RestClient client) {
        var body = JsonMapper.shared()
                .createObjectNode()
                .put("templateID", template)
                .put("timeout", timeout);
        metadata.forEach(body.putObject("metadata")::put);
        environment.forEach(body.putObject("envVars")::put);
        if (autoPause) {
            body.put("autoPause", true);
        }
        if (autoResume) {
            body.putObject("autoResume").put("enabled", true);
        }
        JsonNode created = client.post("/v2/sandboxes", body);
        if (!printedJson(created)) {
            context().out().println(created.path("sandboxID").asString());
        }
        return ExitCode.OK;
    }
}
