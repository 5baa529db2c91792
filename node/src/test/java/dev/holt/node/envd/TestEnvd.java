package dev.holt.node.envd;

import dev.holt.http.HttpListener;
import dev.holt.http.HttpServer;
import dev.holt.http.HttpServerSettings;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.TestAgent;
import dev.holt.nodeapi.MetricSample;
import dev.holt.wire.connect.Envelope;
import dev.holt.wire.id.SandboxId;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The envd service behind a real HTTP server, for one sandbox that is a real agent on this machine. */
final class TestEnvd implements AutoCloseable {
    static final SandboxId ID = new SandboxId("abcdefghij0123456789");
    static final String TOKEN = "a-secret-token";
    private static final String SCENARIO = "X-Test-Secure";

    private final TestAgent machine = new TestAgent();
    private final HttpServer server;
    private final HttpClient client;
    private volatile GuestAgent agent;
    private volatile EnvdService service;
    private volatile boolean alive = true;

    TestEnvd(HttpClient.Version version) throws IOException {
        client = HttpClient.newBuilder().version(version).build();
        agent = machine.connect();
        service = new EnvdService(id -> alive ? Optional.of(sandbox(false)) : Optional.empty());
        EnvdService secure = new EnvdService(id -> Optional.of(sandbox(true)));
        server = HttpServer.start(
                HttpServerSettings.of(List.of(new HttpListener("envd", "127.0.0.1", 0))), new Handler.Abstract() {
                    @Override
                    public boolean handle(Request request, Response response, Callback callback) {
                        boolean secured = request.getHeaders().contains(SCENARIO);
                        (secured ? secure : service).handle(ID, request, response, callback);
                        return true;
                    }
                });
        awaitHttp2();
    }

    /** Jetty upgrades a connection to HTTP/2 only on a request without a body (12.1.14), so the first one has none. */
    private void awaitHttp2() throws IOException {
        try {
            send(request("/health").GET());
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
            throw new IOException(stopping);
        }
    }

    private EnvdSandbox sandbox(boolean secure) {
        return new EnvdSandbox(
                ID,
                agent,
                secure ? Optional.of(TOKEN) : Optional.empty(),
                Map.of("FROM_SANDBOX", "yes", "BOTH", "sandbox"),
                "root",
                Optional.of(machine.work().toString()),
                (level, message, fields) -> {},
                () -> new MetricSample(Instant.ofEpochSecond(1000), 2, 12.345f, 100, 1000, 50, 10, 20));
    }

    /** As if the daemon had been restarted: nothing is remembered, nothing in the guest has changed. */
    void restart() {
        service.close();
        agent.close();
        agent = machine.connect();
        service = new EnvdService(id -> alive ? Optional.of(sandbox(false)) : Optional.empty());
    }

    /** As the node does when it kills a sandbox. */
    void killSandbox() {
        alive = false;
        service.forget(ID);
        agent.close();
    }

    void reviveSandbox() {
        agent = machine.connect();
        alive = true;
    }

    void closeAgentConnections() {
        agent.hold(java.time.Duration.ofSeconds(1));
        agent.release();
    }

    GuestAgent agent() {
        return agent;
    }

    Path work() {
        return machine.work();
    }

    String path(String name) {
        return machine.work().resolve(name).toString();
    }

    InetSocketAddress address() {
        return server.address("envd");
    }

    URI uri(String pathAndQuery) {
        return URI.create("http://127.0.0.1:" + address().getPort() + pathAndQuery);
    }

    HttpRequest.Builder request(String pathAndQuery) {
        return HttpRequest.newBuilder(uri(pathAndQuery)).timeout(Duration.ofSeconds(30));
    }

    static HttpRequest.Builder secured(HttpRequest.Builder request) {
        return request.header(SCENARIO, "1");
    }

    HttpResponse<byte[]> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    }

    HttpResponse<InputStream> open(HttpRequest.Builder request) throws IOException, InterruptedException {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
    }

    /** A unary rpc in JSON. */
    HttpResponse<byte[]> unary(String rpc, String json, String... headers) throws IOException, InterruptedException {
        HttpRequest.Builder request = request("/" + rpc)
                .header("Content-Type", "application/json")
                .header("Accept-Encoding", "gzip")
                .POST(HttpRequest.BodyPublishers.ofString(json));
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return send(request);
    }

    /** The answer of a unary rpc that must go well. */
    JsonNode call(String rpc, String json, String... headers) throws IOException, InterruptedException {
        HttpResponse<byte[]> response = unary(rpc, json, headers);
        String body = new String(response.body(), StandardCharsets.UTF_8);
        if (response.statusCode() != 200) {
            throw new AssertionError(rpc + " answered " + response.statusCode() + ": " + body);
        }
        return JsonMapper.shared().readTree(body);
    }

    HttpRequest.Builder streamRequest(String rpc, String json, String... headers) {
        HttpRequest.Builder request = request("/" + rpc)
                .header("Content-Type", "application/connect+json")
                .POST(HttpRequest.BodyPublishers.ofByteArray(Envelope.wrap(0, json.getBytes(StandardCharsets.UTF_8))));
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return request;
    }

    /** A streaming rpc being read. */
    final class Stream implements AutoCloseable {
        private final InputStream body;

        Stream(String rpc, String json, String... headers) throws IOException, InterruptedException {
            HttpResponse<InputStream> response = open(streamRequest(rpc, json, headers));
            if (response.statusCode() != 200
                    || !response.headers().firstValue("content-type").equals(Optional.of("application/connect+json"))) {
                throw new AssertionError(rpc + " answered " + response.statusCode() + response.headers());
            }
            body = response.body();
        }

        /** The next message; the last has the field {@code endOfStream}. */
        JsonNode next() throws IOException {
            byte[] header = body.readNBytes(Envelope.HEADER_BYTES);
            if (header.length < Envelope.HEADER_BYTES) {
                throw new IOException("the stream ended without its end envelope");
            }
            int length = java.nio.ByteBuffer.wrap(header, 1, 4).getInt();
            JsonNode message = JsonMapper.shared().readTree(body.readNBytes(length));
            if (header[0] == Envelope.END_OF_STREAM) {
                return JsonMapper.shared().createObjectNode().set("endOfStream", message);
            }
            return message;
        }

        List<JsonNode> all() throws IOException {
            List<JsonNode> messages = new ArrayList<>();
            do {
                messages.add(next());
            } while (!messages.getLast().has("endOfStream"));
            return messages;
        }

        @Override
        public void close() throws IOException {
            body.close();
        }
    }

    Stream stream(String rpc, String json, String... headers) throws IOException, InterruptedException {
        return new Stream(rpc, json, headers);
    }

    /** What a finished command left. */
    record Result(int pid, String stdout, String stderr, String pty, JsonNode end, JsonNode endOfStream) {
        static Result of(List<JsonNode> messages) {
            Map<String, ByteArrayOutputStream> output = new HashMap<>();
            for (JsonNode message : messages) {
                message.path("event")
                        .path("data")
                        .properties()
                        .forEach(field -> output.computeIfAbsent(field.getKey(), key -> new ByteArrayOutputStream())
                                .writeBytes(java.util.Base64.getDecoder()
                                        .decode(field.getValue().asString())));
            }
            JsonNode end = messages.size() < 2
                    ? JsonMapper.shared().createObjectNode()
                    : messages.get(messages.size() - 2).path("event").path("end");
            return new Result(
                    messages.getFirst().path("event").path("start").path("pid").asInt(0),
                    text(output, "stdout"),
                    text(output, "stderr"),
                    text(output, "pty"),
                    end,
                    messages.getLast().path("endOfStream"));
        }

        private static String text(Map<String, ByteArrayOutputStream> output, String name) {
            return output.getOrDefault(name, new ByteArrayOutputStream()).toString(StandardCharsets.UTF_8);
        }
    }

    static String command(String script, String... more) {
        String quoted = JsonMapper.shared().writeValueAsString(script);
        return "{\"process\":{\"cmd\":\"/bin/sh\",\"args\":[\"-c\"," + quoted + "]"
                + (more.length > 0 ? "," + more[0] : "") + "}" + (more.length > 1 ? "," + more[1] : "") + "}";
    }

    Result run(String json, String... headers) throws IOException, InterruptedException {
        try (Stream stream = stream("process.Process/Start", json, headers)) {
            return Result.of(stream.all());
        }
    }

    @Override
    public void close() throws IOException {
        service.close();
        server.close();
        client.close();
        agent.close();
        machine.close();
    }
}
