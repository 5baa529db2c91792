package dev.holt.app.server;

import dev.holt.app.client.Access;
import dev.holt.app.client.ClientException;
import dev.holt.app.client.ProcessClient;
import dev.holt.app.client.ProcessStream;
import dev.holt.app.client.RestClient;
import dev.holt.wire.process.ProcessConfig;
import dev.holt.wire.process.ProcessEvent;
import dev.holt.wire.process.StartRequest;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Proves that a Holt works as a client would find out: creates a sandbox, runs a command in it, ends it. */
public final class SelfTest {
    private static final String EXPECTED = "it works";

    private SelfTest() {}

    /**
     * How long it took.
     *
     * @param create until the create was answered
     * @param command from there to the end of the command
     */
    public record Result(Duration create, Duration command) {}

    /**
     * Runs the test against the Holt that {@code clientVariables} lead to.
     *
     * @throws StartFailure when any step of it fails
     */
    public static Result run(Map<String, String> clientVariables) {
        Access access = new Access(
                URI.create(required(clientVariables, "E2B_API_URL")),
                required(clientVariables, "E2B_API_KEY"),
                URI.create(required(clientVariables, "E2B_SANDBOX_URL")));
        try (RestClient client = new RestClient(access)) {
            var request = JsonMapper.shared()
                    .createObjectNode()
                    .put("templateID", "base")
                    .put("timeout", 60);
            request.putObject("metadata").put("holt", "self-test");
            long begin = System.nanoTime();
            JsonNode sandbox = client.post("/v2/sandboxes", request);
            long created = System.nanoTime();
            String id = sandbox.path("sandboxID").asString();
            long ended;
            try {
                runCommand(access, id, sandbox.path("envdAccessToken").asStringOpt());
                ended = System.nanoTime();
            } finally {
                client.delete("/sandboxes/" + id);
            }
            return new Result(Duration.ofNanos(created - begin), Duration.ofNanos(ended - created));
        } catch (ClientException e) {
            throw new StartFailure("Holt started, but its self-test failed: " + e.getMessage(), e);
        }
    }

    private static void runCommand(Access access, String sandbox, Optional<String> accessToken) {
        StartRequest start = StartRequest.newBuilder()
                .setProcess(ProcessConfig.newBuilder()
                        .setCmd("/bin/bash")
                        .addArgs("-c")
                        .addArgs("echo " + EXPECTED))
                .setStdin(false)
                .build();
        StringBuilder output = new StringBuilder();
        try (ProcessClient processes = new ProcessClient(access, sandbox, accessToken, Optional.empty());
                ProcessStream stream = processes.start(start)) {
            for (Optional<ProcessEvent> next = stream.next(); next.isPresent(); next = stream.next()) {
                ProcessEvent event = next.get();
                if (event.hasData()) {
                    output.append(event.getData().getStdout().toStringUtf8());
                    output.append(event.getData().getStderr().toStringUtf8());
                } else if (event.hasEnd() && event.getEnd().getExitCode() != 0) {
                    throw new StartFailure("Holt started, but a command in a sandbox ended with "
                            + event.getEnd().getStatus() + ": " + output);
                }
            }
        }
        if (!output.toString().strip().equals(EXPECTED)) {
            throw new StartFailure(
                    "Holt started, but a command in a sandbox printed '" + output + "' instead of '" + EXPECTED + "'");
        }
    }

    private static String required(Map<String, String> variables, String name) {
        return Objects.requireNonNull(variables.get(name), name);
    }
}
