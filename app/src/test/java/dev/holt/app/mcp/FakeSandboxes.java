package dev.holt.app.mcp;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.holt.app.client.Access;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A server on loopback that stands for Holt and all its sandboxes: it answers as a test says, and remembers what it was asked. */
final class FakeSandboxes implements AutoCloseable {
    static final String SANDBOX = "abcdefghij0123456789";
    static final String KEY = "e2b_0123";

    /** Answers one request; the body was read and recorded. */
    interface Answer {
        void to(HttpExchange exchange) throws IOException;
    }

    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<String, Answer> answers = new ConcurrentHashMap<>();
    final List<String> requests = new CopyOnWriteArrayList<>();

    FakeSandboxes() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::answer);
        server.start();
        on("GET /v2/sandboxes?limit=1", 200, "[]");
        on("GET /sandboxes/" + SANDBOX, 200, "{\"envdAccessToken\":\"secret\",\"domain\":\"holt.example:3000\"}");
    }

    Access access() {
        URI url = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
        return new Access(url, KEY, url);
    }

    void on(String request, Answer answer) {
        answers.put(request, answer);
    }

    void on(String request, int status, String json) {
        on(request, exchange -> send(exchange, status, json.getBytes(StandardCharsets.UTF_8)));
    }

    static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
    }

    /** The envelopes of a process's stream: a start, what it prints, its end. */
    static byte[] process(String stdout, String stderr, String end) throws IOException {
        var bytes = new ByteArrayOutputStream();
        var stream = new DataOutputStream(bytes);
        envelope(stream, 0, "{\"event\":{\"start\":{\"pid\":7}}}");
        envelope(stream, 0, "{\"event\":{\"data\":{\"stdout\":\"" + base64(stdout) + "\"}}}");
        envelope(stream, 0, "{\"event\":{\"data\":{\"stderr\":\"" + base64(stderr) + "\"}}}");
        envelope(stream, 0, "{\"event\":{\"end\":" + end + "}}");
        envelope(stream, 2, "{}");
        return bytes.toByteArray();
    }

    static void envelope(DataOutputStream stream, int flags, String json) throws IOException {
        byte[] message = json.getBytes(StandardCharsets.UTF_8);
        stream.writeByte(flags);
        stream.writeInt(message.length);
        stream.write(message);
    }

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String request = exchange.getRequestMethod() + " " + exchange.getRequestURI();
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            var headers = exchange.getRequestHeaders();
            requests.add(request + " key=" + headers.getFirst("X-API-Key") + " sandbox="
                    + headers.getFirst("E2b-Sandbox-Id") + ":" + headers.getFirst("E2b-Sandbox-Port") + " token="
                    + headers.getFirst("X-Access-Token") + " timeout=" + headers.getFirst("Connect-Timeout-Ms") + " "
                    + body);
            String key = headers.getFirst("X-API-Key");
            if (key != null && !key.equals(KEY)) {
                send(exchange, 401, "{\"code\":401,\"message\":\"unknown key\"}".getBytes(StandardCharsets.UTF_8));
                return;
            }
            answers.getOrDefault(request, FakeSandboxes::unexpected).to(exchange);
        }
    }

    private static void unexpected(HttpExchange exchange) throws IOException {
        send(exchange, 599, new byte[0]);
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
