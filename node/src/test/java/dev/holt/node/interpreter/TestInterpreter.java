package dev.holt.node.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.http.HttpListener;
import dev.holt.http.HttpServer;
import dev.holt.http.HttpServerSettings;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.TestAgent;
import dev.holt.node.interpreter.jupyter.MessageMemory;
import dev.holt.wire.id.SandboxId;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The interpreter service behind a real HTTP server, for one sandbox that is a real agent on this machine. */
final class TestInterpreter implements AutoCloseable {
    static final SandboxId ID = new SandboxId("abcdefghij0123456789");
    static final String TOKEN = "a-secret-token";
    private static final String SECURE = "X-Test-Secure";

    final MessageMemory memory = new MessageMemory(128L * 1024 * 1024);
    private final TestAgent machine = new TestAgent();
    private final HttpServer server;
    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final Map<String, String> environment = new LinkedHashMap<>();
    private volatile GuestAgent agent;
    private volatile Interpreter interpreter;
    private volatile boolean alive = true;

    TestInterpreter() throws IOException {
        FakeKernel.install(machine.work().resolve("jupyter/kernels"), "fake");
        environment.put("JUPYTER_PATH", machine.work().resolve("jupyter").toString());
        environment.put("FROM_SANDBOX", "yes");
        agent = machine.connect();
        interpreter = new Interpreter(memory, directory());
        server = HttpServer.start(
                HttpServerSettings.of(List.of(new HttpListener("code", "127.0.0.1", 0))), new Handler.Abstract() {
                    @Override
                    public boolean handle(Request request, Response response, Callback callback) {
                        boolean secure = request.getHeaders().contains(SECURE);
                        new InterpreterService(
                                        interpreter, id -> alive ? Optional.of(sandbox(secure)) : Optional.empty())
                                .handle(ID, request, response, callback);
                        return true;
                    }
                });
    }

    private String directory() {
        return machine.work().resolve("connections").toString();
    }

    private InterpreterSandbox sandbox(boolean secure) {
        return new InterpreterSandbox(ID, agent, secure ? Optional.of(TOKEN) : Optional.empty(), environment);
    }

    InterpreterSandbox sandbox() {
        return sandbox(false);
    }

    Interpreter interpreter() {
        return interpreter;
    }

    GuestAgent agent() {
        return agent;
    }

    Path work() {
        return machine.work();
    }

    void setVariable(String name, String value) {
        environment.put(name, value);
    }

    /** As if the daemon had been restarted: nothing is remembered, nothing in the guest has changed. */
    void restart() {
        interpreter.close();
        agent.close();
        agent = machine.connect();
        interpreter = new Interpreter(memory, directory());
    }

    /** As the node does when it kills a sandbox. */
    void killSandbox() {
        alive = false;
        agent.close();
        interpreter.forget(ID);
    }

    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(
                        URI.create("http://127.0.0.1:" + server.address("code").getPort() + path))
                .timeout(Duration.ofSeconds(90));
    }

    static HttpRequest.Builder secured(HttpRequest.Builder request) {
        return request.header(SECURE, "1");
    }

    HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    HttpResponse<String> post(String path, Object body) throws IOException, InterruptedException {
        return send(request(path).POST(HttpRequest.BodyPublishers.ofByteArray(json(body))));
    }

    static byte[] json(Object body) {
        return body instanceof String text
                ? text.getBytes(StandardCharsets.UTF_8)
                : JsonMapper.shared().writeValueAsBytes(body);
    }

    /** The answer to one execution, while it comes. */
    final class Running implements AutoCloseable {
        private final BufferedReader reader;
        private final InputStream body;

        private Running(InputStream body) {
            this.body = body;
            this.reader = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
        }

        /** The next line that is no sign of life; the last has type {@code end_of_execution}. */
        JsonNode next() throws IOException {
            JsonNode line;
            do {
                String text = reader.readLine();
                if (text == null) {
                    throw new IOException("the answer ended without its last line");
                }
                line = JsonMapper.shared().readTree(text);
            } while (type(line).equals("keepalive"));
            return line;
        }

        List<JsonNode> all() throws IOException {
            List<JsonNode> lines = new ArrayList<>();
            do {
                lines.add(next());
            } while (!type(lines.getLast()).equals("end_of_execution"));
            return lines;
        }

        @Override
        public void close() throws IOException {
            body.close();
        }
    }

    static String type(JsonNode line) {
        return line.path("type").asString("");
    }

    Running start(Object body) throws IOException, InterruptedException {
        HttpResponse<InputStream> response = client.send(
                request("/execute")
                        .POST(HttpRequest.BodyPublishers.ofByteArray(json(body)))
                        .build(),
                HttpResponse.BodyHandlers.ofInputStream());
        if (response.statusCode() != 200) {
            throw new AssertionError(
                    response.statusCode() + ": " + new String(response.body().readAllBytes(), StandardCharsets.UTF_8));
        }
        return new Running(response.body());
    }

    Running start(String code) throws IOException, InterruptedException {
        return start(Map.of("code", code, "language", "fake"));
    }

    /** What an execution came to, without the count and the end. */
    record Outcome(List<JsonNode> lines) {
        String text() {
            assertThat(find("error").toString())
                    .as("the error of code that was to have a result")
                    .isEqualTo("{}");
            return find("result").path("text").asString("");
        }

        String error() {
            return find("error").path("name").asString("");
        }

        String stdout() {
            return lines.stream()
                    .filter(line -> type(line).equals("stdout"))
                    .map(line -> line.path("text").asString())
                    .reduce("", String::concat);
        }

        JsonNode find(String type) {
            return lines.stream()
                    .filter(line -> type(line).equals(type))
                    .findFirst()
                    .orElse(JsonMapper.shared().createObjectNode());
        }
    }

    Outcome run(Object body) throws IOException, InterruptedException {
        try (Running running = start(body)) {
            return new Outcome(running.all());
        }
    }

    Outcome run(String code) throws IOException, InterruptedException {
        return run(Map.of("code", code, "language", "fake"));
    }

    @Override
    public void close() throws IOException {
        interpreter.close();
        server.close();
        client.close();
        agent.close();
        machine.close();
    }
}
