package dev.holt.app.cli;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A server on loopback that answers what a test tells it to and remembers what it was asked. */
final class FakeHolt implements AutoCloseable {
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Canned(int status, byte[] body, Map<String, String> headers) {}

    private final HttpServer server;
    private final Map<String, Canned> answers = new HashMap<>();
    final List<String> requests = new ArrayList<>();

    FakeHolt() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    /** What a request such as {@code GET /templates} gets from now on. */
    void answer(String request, int status, String json) {
        answers.put(request, new Canned(status, json.getBytes(StandardCharsets.UTF_8), Map.of()));
    }

    void answerPage(String request, String json, String nextToken) {
        answers.put(request, new Canned(200, json.getBytes(StandardCharsets.UTF_8), Map.of("X-Next-Token", nextToken)));
    }

    /** A process that prints and ends; {@code end} is the JSON of the end envelope. */
    void answerStart(String stdout, String endEvent, String end) throws IOException {
        var bytes = new ByteArrayOutputStream();
        var stream = new DataOutputStream(bytes);
        envelope(stream, 0, "{\"event\":{\"start\":{\"pid\":7}}}");
        envelope(stream, 0, "{\"event\":{\"keepalive\":{}}}");
        String data = Base64.getEncoder().encodeToString(stdout.getBytes(StandardCharsets.UTF_8));
        envelope(stream, 0, "{\"event\":{\"data\":{\"stdout\":\"" + data + "\"}}}");
        if (!endEvent.isEmpty()) {
            envelope(stream, 0, "{\"event\":{\"end\":" + endEvent + "}}");
        }
        if (!end.isEmpty()) {
            envelope(stream, 2, end);
        }
        answers.put("POST /process.Process/Start", new Canned(200, bytes.toByteArray(), Map.of()));
    }

    private static void envelope(DataOutputStream stream, int flags, String json) throws IOException {
        byte[] message = json.getBytes(StandardCharsets.UTF_8);
        stream.writeByte(flags);
        stream.writeInt(message.length);
        stream.write(message);
    }

    private synchronized void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String request = exchange.getRequestMethod() + " " + exchange.getRequestURI();
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            requests.add(request + " key=" + exchange.getRequestHeaders().getFirst("X-API-Key") + " sandbox="
                    + exchange.getRequestHeaders().getFirst("E2b-Sandbox-Id") + " token="
                    + exchange.getRequestHeaders().getFirst("X-Access-Token") + " " + body);
            Canned canned = answers.getOrDefault(request, new Canned(599, new byte[0], Map.of()));
            canned.headers()
                    .forEach((name, value) -> exchange.getResponseHeaders().add(name, value));
            exchange.sendResponseHeaders(canned.status(), canned.body().length == 0 ? -1 : canned.body().length);
            exchange.getResponseBody().write(canned.body());
        }
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
