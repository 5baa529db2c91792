package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The commands for API keys. */
final class ApiKeyCommands {
    private ApiKeyCommands() {}

    @Command(name = "create", description = "Create a key and print it; it is never shown again.")
    static final class Create extends ClientCommand {
        @Parameters(paramLabel = "NAME", description = "What to call it.")
        private String name;

        Create(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            JsonNode created = client.post(
                    "/api-keys", JsonMapper.shared().createObjectNode().put("name", name));
            if (!printedJson(created)) {
                context().out().println(created.path("key").asString());
            }
            return ExitCode.OK;
        }
    }

    @Command(name = "list", description = "List your team's keys.")
    static final class ListKeys extends ClientCommand {
        ListKeys(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            JsonNode keys = client.get("/api-keys");
            if (printedJson(keys)) {
                return ExitCode.OK;
            }
            TextTable table = new TextTable("ID", "NAME", "KEY", "CREATED", "LAST USED");
            for (JsonNode key : keys) {
                JsonNode mask = key.path("mask");
                table.add(
                        key.path("id").asString(""),
                        key.path("name").asString(""),
                        mask.path("prefix").asString("")
                                + mask.path("maskedValuePrefix").asString("") + "..."
                                + mask.path("maskedValueSuffix").asString(""),
                        Times.ofAnswer(key.path("createdAt").asString("")),
                        Times.ofAnswer(key.path("lastUsed").asString("never")));
            }
            table.print(context().out());
            return ExitCode.OK;
        }
    }

    @Command(name = "revoke", description = "End a key: clients that use it are refused from now on.")
    static final class Revoke extends ClientCommand {
        @Parameters(paramLabel = "ID", description = "The key's id, from `holt api-key list`.")
        private String id;

        Revoke(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            client.delete("/api-keys/" + RestClient.encode(id));
            return ExitCode.OK;
        }
    }
}
