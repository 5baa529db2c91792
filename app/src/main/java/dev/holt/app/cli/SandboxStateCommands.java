package dev.holt.app.cli;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The commands that move sandboxes between their states. */
final class SandboxStateCommands {
    private SandboxStateCommands() {}

    private static String path(String sandbox, String what) {
        return "/sandboxes/" + RestClient.encode(sandbox) + "/" + what;
    }

    private static ObjectNode body() {
        return JsonMapper.shared().createObjectNode();
    }

    /** Says on the side how a sandbox came to run: what is printed is for scripts. */
    private static int printWay(ClientCommand command, JsonNode answer) {
        JsonNode way = answer.path("holt");
        if (!command.printedJson(answer)) {
            command.context().out().println(answer.path("sandboxID").asString());
            command.context().err().println("holt: " + way.path("way").asString(""));
        }
        way.path("fallback")
                .stringValueOpt()
                .ifPresent(
                        why -> command.context().err().println("holt: it could not be brought back as it was: " + why));
        return ExitCode.OK;
    }

    @Command(
            name = "pause",
            description = "Keep the state of sandboxes and stop using time and memory for them; print their ids.")
    static final class Pause extends ClientCommand {
        @Parameters(paramLabel = "SANDBOX", arity = "1..*")
        private List<String> sandboxes = new ArrayList<>();

        @Option(
                names = "--no-memory",
                description = "Keep the file system only: a resume boots afresh, and traffic does not resume it.")
        private boolean withoutMemory;

        Pause(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            int exitCode = ExitCode.OK;
            var paused = JsonMapper.shared().createArrayNode();
            for (String sandbox : sandboxes) {
                try {
                    client.post(path(sandbox, "pause"), body().put("memory", !withoutMemory));
                    paused.add(sandbox);
                } catch (ClientException e) {
                    context().err().println("holt: " + sandbox + ": " + e.getMessage());
                    exitCode = e.exitCode();
                }
            }
            if (!printedJson(paused)) {
                paused.forEach(id -> context().out().println(id.asString()));
            }
            return exitCode;
        }
    }

    @Command(
            name = "resume",
            description = "Bring a paused sandbox back, or make sure that one that runs lives so long; print its id.")
    static final class Resume extends ClientCommand {
        @Parameters(paramLabel = "SANDBOX")
        private String sandbox;

        @Option(
                names = "--timeout",
                paramLabel = "SECONDS",
                defaultValue = "300",
                description = "Time until it ends by itself. Default: 300.")
        private int timeout;

        @Option(names = "--reboot", description = "Boot it from its file system, whatever of its memory is kept.")
        private boolean reboot;

        Resume(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            ObjectNode body = body().put("timeout", timeout).put("memory", !reboot);
            return printWay(this, client.post("/v2" + path(sandbox, "connect"), body));
        }
    }

    @Command(
            name = "snapshot",
            description = "Make a snapshot of a sandbox, which goes on, and print the snapshot's id.",
            footer = {"", "holt sandbox create SNAPSHOT starts another sandbox from it."})
    static final class Snapshot extends ClientCommand {
        @Parameters(paramLabel = "SANDBOX")
        private String sandbox;

        @Option(
                names = "--name",
                paramLabel = "NAME[:TAG]",
                description = "What to call it; takes the place of an earlier one of that name and tag.")
        private @Nullable String name;

        @Option(names = "--no-memory", description = "Keep the file system only: what starts from it boots afresh.")
        private boolean withoutMemory;

        Snapshot(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            ObjectNode body = body();
            if (name != null) {
                body.put("name", name);
            }
            JsonNode made = client.post(path(sandbox, "snapshots"), body.put("memory", !withoutMemory));
            if (!printedJson(made)) {
                context().out().println(made.path("snapshotID").asString());
            }
            return ExitCode.OK;
        }
    }

    @Command(
            name = "fork",
            description = "Start sandboxes that go on from where a sandbox is now, and print their ids.")
    static final class Fork extends ClientCommand {
        @Parameters(paramLabel = "SANDBOX")
        private String sandbox;

        @Option(
                names = "--count",
                paramLabel = "NUMBER",
                defaultValue = "1",
                description = "How many, 1 to 100. Default: 1.")
        private int count;

        @Option(
                names = "--timeout",
                paramLabel = "SECONDS",
                defaultValue = "300",
                description = "Time until they end by themselves. Default: 300.")
        private int timeout;

        Fork(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            ObjectNode body = body().put("count", count).put("timeout", timeout);
            JsonNode results = client.post(path(sandbox, "fork"), body);
            boolean json = printedJson(results);
            int exitCode = ExitCode.OK;
            for (JsonNode result : results) {
                if (result.has("error")) {
                    JsonNode error = result.path("error");
                    ClientException failure = ClientException.ofStatus(
                            error.path("code").asInt(500), error.path("message").asString(""));
                    context().err().println("holt: " + failure.getMessage());
                    exitCode = failure.exitCode();
                } else if (!json) {
                    context()
                            .out()
                            .println(result.path("sandbox").path("sandboxID").asString());
                }
            }
            return exitCode;
        }
    }

    @Command(
            name = "rollback",
            description = "Return a sandbox to one of its own snapshots, under the same id; what it did since is gone.")
    static final class Rollback extends ClientCommand {
        @Parameters(index = "0", paramLabel = "SANDBOX")
        private String sandbox;

        @Parameters(index = "1", paramLabel = "SNAPSHOT", description = "Its name or id, from `holt snapshot list`.")
        private String snapshot;

        Rollback(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            return printWay(this, client.post(path(sandbox, "rollback"), body().put("snapshotID", snapshot)));
        }
    }

    @Command(
            name = "recover",
            description = "Bring a lost sandbox back from the best that is left of it; print its id.")
    static final class Recover extends ClientCommand {
        @Parameters(paramLabel = "SANDBOX")
        private String sandbox;

        Recover(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            return printWay(this, client.post(path(sandbox, "recover"), body()));
        }
    }

    @Command(
            name = "events",
            description = "Print what happened to a sandbox and why, oldest first, also after its end.")
    static final class Events extends ClientCommand {
        @Parameters(paramLabel = "SANDBOX")
        private String sandbox;

        Events(CommandContext context) {
            super(context);
        }

        @Override
        int run(RestClient client) {
            JsonNode events = client.getPages(path(sandbox, "events?limit=100"));
            if (printedJson(events)) {
                return ExitCode.OK;
            }
            TextTable table = new TextTable("TIME", "EVENT", "WHAT", "DETAILS");
            for (JsonNode event : events) {
                StringJoiner details = new StringJoiner(" ");
                event.path("fields")
                        .properties()
                        .forEach(field -> details.add(
                                field.getKey() + "=" + field.getValue().asString("")));
                table.add(
                        Times.ofAnswer(event.path("timestamp").asString("")),
                        event.path("type").asString(""),
                        event.path("message").asString(""),
                        details.toString());
            }
            table.print(context().out());
            return ExitCode.OK;
        }
    }
}
