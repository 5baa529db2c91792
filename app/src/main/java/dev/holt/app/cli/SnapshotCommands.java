package dev.holt.app.cli;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The commands for snapshots; {@code holt sandbox snapshot} makes them. */
final class SnapshotCommands {
    private static final double MEBIBYTE = 1 << 20;

    private SnapshotCommands() {}

    @Command(name = "list", description = "List your snapshots.")
    static final class ListSnapshots extends ClientCommand {
        @Option(names = "--sandbox", paramLabel = "SANDBOX", description = "Only those that were made from this one.")
        private @Nullable String sandbox;

        @Option(names = "--name", paramLabel = "NAME[:TAG]", description = "Only those of this name.")
        private @Nullable String name;

        ListSnapshots(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            String path = "/snapshots?limit=100";
            path += sandbox == null ? "" : "&sandboxID=" + RestClient.encode(sandbox);
            path += name == null ? "" : "&name=" + RestClient.encode(name);
            JsonNode snapshots = client.getPages(path);
            if (printedJson(snapshots)) {
                return ExitCode.OK;
            }
            TextTable table = new TextTable("SNAPSHOT", "OF", "ISOLATION", "MEMORY", "SIZE", "CREATED", "PROBLEM");
            for (JsonNode snapshot : snapshots) {
                JsonNode details = snapshot.path("holt");
                table.add(
                        snapshot.path("snapshotID").asString(""),
                        details.path("sandboxID").asString(""),
                        details.path("isolation").asString(""),
                        details.path("memory").asString(""),
                        String.format(
                                Locale.ROOT, "%.1f MiB", details.path("bytes").asLong(0) / MEBIBYTE),
                        Times.ofAnswer(details.path("createdAt").asString("")),
                        details.path("problem").asString(""));
            }
            table.print(context().out());
            return ExitCode.OK;
        }
    }

    @Command(
            name = "delete",
            description = "Delete snapshots and print the names of those that were deleted.",
            footer = {"", "A name without a tag stands for all of its tags. Sandboxes that started from one go on."})
    static final class Delete extends ClientCommand {
        @Parameters(paramLabel = "SNAPSHOT", arity = "1..*", description = "Names or ids, from `holt snapshot list`.")
        private List<String> names = new ArrayList<>();

        Delete(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            int exitCode = ExitCode.OK;
            var deleted = JsonMapper.shared().createArrayNode();
            for (String name : names) {
                try {
                    client.delete("/templates/" + RestClient.encode(name));
                    deleted.add(name);
                } catch (ClientException e) {
                    context().err().println("holt: " + name + ": " + e.getMessage());
                    exitCode = e.exitCode();
                }
            }
            if (!printedJson(deleted)) {
                deleted.forEach(name -> context().out().println(name.asString()));
            }
            return exitCode;
        }
    }
}
