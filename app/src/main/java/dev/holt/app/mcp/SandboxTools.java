package dev.holt.app.mcp;

import dev.holt.app.client.RestClient;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Tools that make, find and end sandboxes. */
final class SandboxTools {
    /** Agents think and people look away: longer than the five minutes of the SDKs, whose programs don't. */
    private static final int USUAL_TIMEOUT = 1800;

    private static final int LONGEST_TIMEOUT = 2_592_000;
    private static final String USUAL_TEMPLATE = "base";

    private SandboxTools() {}

    static List<Tool> all() {
        return List.of(create(), list(), setTimeout(), kill(), url());
    }

    private static Tool create() {
        return new Tool(
                "create_sandbox",
                "Create a sandbox",
                "Starts an isolated Linux sandbox with a file system, processes and a network of its own, and answers its "
                        + "id, which the other tools need. It ends by itself after timeout_seconds, with everything in it; "
                        + "set_sandbox_timeout moves that. It is not ended when this conversation ends. Kill it when it "
                        + "is no longer needed. For run_code use the template code-interpreter-v1.",
                new Schema()
                        .takes(
                                "template",
                                Schema.text(
                                        "What it starts from: the name or id of a template. Default: " + USUAL_TEMPLATE
                                                + ".",
                                        1,
                                        256))
                        .takes(
                                "timeout_seconds",
                                Schema.number(
                                        "Seconds until it ends by itself. Holt may allow less; the error then names "
                                                + "the limit.",
                                        1,
                                        LONGEST_TIMEOUT,
                                        USUAL_TIMEOUT))
                        .takes("metadata", Schema.strings("Words to find it by later, shown by list_sandboxes."))
                        .takes("env", Schema.strings("Environment variables of every process in it."))
                        .takes("internet", Schema.truth("Whether it may open connections to the internet.", true)),
                Tool.Effect.ADDS,
                SandboxTools::create);
    }

    private static CallToolResult create(Caller caller, Arguments arguments, RunningCall call) {
        ObjectNode body = JsonMapper.shared()
                .createObjectNode()
                .put("templateID", arguments.text("template", USUAL_TEMPLATE))
                .put("timeout", arguments.number("timeout_seconds", USUAL_TIMEOUT))
                .put("allow_internet_access", arguments.truth("internet", true));
        arguments.strings("metadata").forEach(body.putObject("metadata")::put);
        arguments.strings("env").forEach(body.putObject("envVars")::put);
        JsonNode created = caller.control().post("/v2/sandboxes", body);
        String id = created.path("sandboxID").asString("");
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put(Arguments.SANDBOX, id);
        answer.put(
                "template",
                created.path("alias").asString(created.path("templateID").asString("")));
        answer.put("timeout_seconds", arguments.number("timeout_seconds", USUAL_TIMEOUT));
        return Answers.data(answer);
    }

    private static Tool list() {
        return new Tool(
                "list_sandboxes",
                "List sandboxes",
                "Lists the running sandboxes of this API key's team, newest first: id, template, start, end and metadata. At "
                        + "most 100; total tells how many there are.",
                new Schema().takes("metadata", Schema.strings("Only sandboxes with all of this metadata.")),
                Tool.Effect.READS,
                SandboxTools::list);
    }

    private static CallToolResult list(Caller caller, Arguments arguments, RunningCall call) {
        String path = "/v2/sandboxes?limit=100";
        List<String> pairs = new ArrayList<>();
        arguments
                .strings("metadata")
                .forEach((key, value) -> pairs.add(RestClient.encode(key) + "=" + RestClient.encode(value)));
        if (!pairs.isEmpty()) {
            path += "&metadata=" + RestClient.encode(String.join("&", pairs));
        }
        JsonNode found = caller.control().getPages(path);
        List<Map<String, Object>> sandboxes = new ArrayList<>();
        for (JsonNode sandbox : found) {
            if (sandboxes.size() == 100) {
                break;
            }
            Map<String, Object> shown = new LinkedHashMap<>();
            shown.put(Arguments.SANDBOX, sandbox.path("sandboxID").asString(""));
            shown.put(
                    "template",
                    sandbox.path("alias").asString(sandbox.path("templateID").asString("")));
            shown.put("state", sandbox.path("state").asString(""));
            shown.put("started_at", sandbox.path("startedAt").asString(""));
            shown.put("ends_at", sandbox.path("endAt").asString(""));
            Map<String, String> metadata = new LinkedHashMap<>();
            sandbox.path("metadata").forEachEntry((key, value) -> metadata.put(key, value.asString("")));
            shown.put("metadata", metadata);
            sandboxes.add(shown);
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("total", found.size());
        answer.put("sandboxes", sandboxes);
        return Answers.data(answer);
    }

    private static Tool setTimeout() {
        return new Tool(
                "set_sandbox_timeout",
                "Change when a sandbox ends",
                "Moves the end of a sandbox to so many seconds from now, later or earlier than it was.",
                new Schema()
                        .needsSandbox()
                        .needs("timeout_seconds", Schema.number("Seconds from now.", 1, LONGEST_TIMEOUT)),
                Tool.Effect.ADDS,
                (caller, arguments, call) -> {
                    long seconds = arguments.number("timeout_seconds", USUAL_TIMEOUT);
                    caller.control()
                            .post(
                                    "/sandboxes/" + RestClient.encode(arguments.sandbox()) + "/timeout",
                                    JsonMapper.shared().createObjectNode().put("timeout", seconds));
                    return Answers.text("The sandbox " + arguments.sandbox() + " ends in " + seconds + " seconds.");
                });
    }

    private static Tool kill() {
        return new Tool(
                "kill_sandbox",
                "Kill a sandbox",
                "Ends a sandbox at once. Its processes and files are gone for good.",
                new Schema().needsSandbox(),
                Tool.Effect.ENDS,
                (caller, arguments, call) -> {
                    caller.control().delete("/sandboxes/" + RestClient.encode(arguments.sandbox()));
                    return Answers.text("The sandbox " + arguments.sandbox() + " is gone.");
                });
    }

    private static Tool url() {
        return new Tool(
                "get_port_url",
                "Get the URL of a port",
                "Answers the URL under which a server that listens on a port in the sandbox can be reached from outside: "
                        + "HTTP/1.1 and WebSocket. The server must listen on 0.0.0.0 or on 127.0.0.1 in the sandbox. "
                        + "Does not check whether one does.",
                new Schema()
                        .needsSandbox()
                        .needs("port", Schema.number("The port that the server listens on.", 1, 65_535)),
                Tool.Effect.READS,
                SandboxTools::url);
    }

    private static CallToolResult url(Caller caller, Arguments arguments, RunningCall call) {
        JsonNode details = caller.sandbox(arguments.sandbox()).details();
        long port = arguments.number("port", 0);
        URI api = caller.access().apiUrl();
        String domain = details.path("domain").asString("");
        Map<String, Object> answer = new LinkedHashMap<>();
        if (domain.isEmpty()) {
            // a control API that tells none: the sandbox URL with these headers leads there as well
            answer.put("url", caller.access().sandboxUrl().toString());
            answer.put(
                    "headers", Map.of("E2b-Sandbox-Id", arguments.sandbox(), "E2b-Sandbox-Port", Long.toString(port)));
        } else {
            answer.put("url", api.getScheme() + "://" + port + "-" + arguments.sandbox() + "." + domain);
        }
        answer.put("port", port);
        if (!details.path("network").path("allowPublicTraffic").asBoolean(true)) {
            answer.put(
                    "note",
                    "Requests need the header e2b-traffic-access-token with the token that the sandbox's creator got.");
        }
        return Answers.data(answer);
    }
}
