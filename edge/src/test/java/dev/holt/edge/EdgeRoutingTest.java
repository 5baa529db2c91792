package dev.holt.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.http.JsonAnswer;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class EdgeRoutingTest {
    private final BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    private GuestServer guest;
    private EdgeFixture edge;

    @BeforeEach
    void start() throws IOException {
        guest = new GuestServer(connection -> {
            for (String head = connection.tryHead(); head != null; head = connection.tryHead()) {
                seen.add(head);
                connection.send(GuestServer.ok("guest"));
            }
        });
        edge = new EdgeFixture(
                true,
                true,
                Map.of(
                        49_983,
                        (sandbox, request, response, callback) ->
                                JsonAnswer.send(response, callback, 200, "envd of " + sandbox)),
                1000);
        edge.with(guest);
    }

    @AfterEach
    void stop() throws IOException {
        edge.close();
        guest.close();
    }

    private String get(InetSocketAddress address, String path, String host, String... headers) throws IOException {
        try (Wire wire = new Wire(address)) {
            StringBuilder request = new StringBuilder("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n");
            for (String header : headers) {
                request.append(header).append("\r\n");
            }
            wire.send(request + "\r\n");
            return wire.answer();
        }
    }

    private String get(String path, String host, String... headers) throws IOException {
        return get(edge.address(), path, host, headers);
    }

    @Test
    void routesByHost() throws Exception {
        assertThat(get("/a%2Fb//c;d?q=%20&r", edge.host()))
                .startsWith("HTTP/1.1 200")
                .endsWith("guest");
        assertThat(seen.take()).startsWith("GET /a%2Fb//c;d?q=%20&r HTTP/1.1\r\nHost: " + edge.host() + "\r\n");
        assertThat(get("/", "8000-" + edge.sandbox + ".other.test:8080")).endsWith("guest");
    }

    @Test
    void routesByHeaders() throws Exception {
        String[] headers = {"E2b-Sandbox-Id: " + edge.sandbox, "E2b-Sandbox-Port: 8000"};
        assertThat(get("/", "localhost:3000", headers)).endsWith("guest");
        assertThat(get("/", "127.0.0.1", headers)).endsWith("guest");
        assertThat(get("/", "[::1]:3000", headers)).endsWith("guest");
        assertThat(get("/", "sandbox.holt.test", headers)).endsWith("guest");
        assertThat(get("/", "example.com", headers)).contains("this is control");
        assertThat(get("/", "localhost", headers[0])).startsWith("HTTP/1.1 400").contains("E2b-Sandbox-Port");
    }

    @Test
    void leavesEverythingElseToTheNextHandler() throws Exception {
        assertThat(get("/sandboxes", "localhost:3000")).startsWith("HTTP/1.1 418");
        assertThat(get("/", "api.holt.test")).startsWith("HTTP/1.1 418");
        assertThat(get("/", "sandbox.holt.test")).startsWith("HTTP/1.1 418");
    }

    @Test
    void debugSendsTrafficListenersToTheNewestSandbox() throws Exception {
        assertThat(get(edge.envdAddress(), "/", "localhost:49983")).endsWith("\"envd of " + edge.sandbox + "\"");
        assertThat(get(edge.envdAddress(), "/", "127.0.0.1:1234")).endsWith("\"envd of " + edge.sandbox + "\"");
        assertThat(get(edge.envdAddress(), "/", "localhost:8000")).endsWith("guest");
        SandboxId newer = edge.node.start();
        assertThat(get(edge.envdAddress(), "/", "localhost:49983")).endsWith("\"envd of " + newer + "\"");
        edge.node.kill(newer, EndReason.KILLED);
        assertThat(get(edge.envdAddress(), "/", "localhost:49983")).endsWith("\"envd of " + edge.sandbox + "\"");
        edge.node.kill(edge.sandbox, EndReason.KILLED);
        assertThat(get(edge.envdAddress(), "/", "localhost:49983"))
                .startsWith("HTTP/1.1 502")
                .contains("The sandbox was not found");
    }

    @Test
    void withoutDebugTrafficListenersNeedAName() throws Exception {
        try (EdgeFixture strict = new EdgeFixture(true, false, Map.of(), 1000)) {
            assertThat(get(strict.envdAddress(), "/", "localhost:49983"))
                    .startsWith("HTTP/1.1 400")
                    .contains("names no sandbox");
            assertThat(get(strict.envdAddress(), "/health", "49983-" + strict.sandbox + ".holt.test"))
                    .startsWith("HTTP/1.1 204");
        }
    }

    @Test
    void badNamesAreBadRequests() throws Exception {
        assertThat(get("/", "70000-" + edge.sandbox + ".holt.test"))
                .startsWith("HTTP/1.1 400")
                .contains("\"code\":400")
                .contains("1 to 65535");
    }

    @Test
    void unknownAndDeadSandboxesAreNotFound() throws Exception {
        for (String id : List.of("nonexistent", "aaaaaaaaaaaaaaaaaaaa")) {
            assertThat(get("/", "8000-" + id + ".holt.test"))
                    .startsWith("HTTP/1.1 502")
                    .contains("Content-Type: application/json")
                    .endsWith("{\"sandboxId\":\"" + id + "\",\"message\":\"The sandbox was not found\",\"code\":502}");
        }
        edge.node.kill(edge.sandbox, EndReason.KILLED);
        assertThat(get("/", edge.host())).contains("The sandbox was not found");
    }

    @Test
    void closedPortsSaySo() throws Exception {
        assertThat(get("/", "8001-" + edge.sandbox + ".holt.test"))
                .startsWith("HTTP/1.1 502")
                .endsWith("{\"sandboxId\":\"" + edge.sandbox
                        + "\",\"message\":\"The sandbox is running but port is not open\",\"port\":8001,\"code\":502}");
    }

    @Test
    void someoneWhoNavigatesGetsAPage() throws Exception {
        String host = "8001-" + edge.sandbox + ".holt.test";
        String accept = "Accept: text/html,application/xhtml+xml";
        assertThat(get("/", host, accept))
                .startsWith("HTTP/1.1 502")
                .contains("Content-Type: text/html; charset=utf-8")
                .contains("port is not open")
                .contains(edge.sandbox + ", port 8001");
        assertThat(get("/", host, accept, "Sec-Fetch-Mode: navigate")).contains("text/html");
        assertThat(get("/", host, accept, "Sec-Fetch-Mode: cors")).contains("application/json");
        assertThat(get("/", host, accept, "X-Requested-With: x")).contains("application/json");
        assertThat(get("/", host, "Accept: */*")).contains("application/json");
    }

    @Test
    void healthTellsAliveFromDead() throws Exception {
        String host = "49983-" + edge.sandbox + ".holt.test";
        assertThat(get("/health", host)).startsWith("HTTP/1.1 204");
        edge.node.kill(edge.sandbox, EndReason.KILLED);
        assertThat(get("/health", host)).startsWith("HTTP/1.1 502");
    }

    private SandboxId secured(Optional<String> mask) throws IOException {
        SandboxId id = edge.node.start(new NetworkPolicy(true, List.of(), List.of(), Optional.of("secret"), mask));
        edge.node.listen(id, 8000, guest.address());
        return id;
    }

    @Test
    void trafficTokensGuardAllPortsButEnvds() throws Exception {
        SandboxId id = secured(Optional.empty());
        String host = "8000-" + id + ".holt.test";
        assertThat(get("/", host))
                .startsWith("HTTP/1.1 403")
                .contains("is missing")
                .contains(id.value());
        assertThat(get("/", host, "e2b-traffic-access-token: wrong"))
                .startsWith("HTTP/1.1 403")
                .contains("is invalid");
        assertThat(seen).isEmpty();
        assertThat(get("/", host, "E2B-Traffic-Access-Token: secret")).endsWith("guest");
        assertThat(seen.take()).doesNotContainIgnoringCase("token").doesNotContain("secret");
        assertThat(get("/x", "49983-" + id + ".holt.test")).endsWith("\"envd of " + id + "\"");
    }

    @Test
    void masksTheHost() throws Exception {
        SandboxId id = secured(Optional.of("localhost:${PORT}"));
        String host = "8000-" + id + ".holt.test";
        get("/", host, "e2b-traffic-access-token: secret");
        assertThat(seen.take())
                .contains("\r\nHost: localhost:8000\r\n")
                .contains("\r\nX-Forwarded-Host: " + host + "\r\n");
    }

    @Test
    void saysWhoAskedAndKeepsWhatProxiesSaid() throws Exception {
        get("/", edge.host());
        assertThat(seen.take())
                .contains("\r\nX-Forwarded-For: 127.0.0.1\r\n")
                .contains("\r\nX-Forwarded-Proto: http\r\n")
                .contains("\r\nX-Forwarded-Host: " + edge.host() + "\r\n");
        get(
                "/",
                edge.host(),
                "X-Forwarded-For: 192.0.2.1",
                "X-Forwarded-Proto: https",
                "X-Forwarded-Host: shop.example");
        assertThat(seen.take())
                .contains("\r\nX-Forwarded-For: 192.0.2.1, 127.0.0.1\r\n")
                .contains("\r\nX-Forwarded-Proto: https\r\n")
                .contains("\r\nX-Forwarded-Host: shop.example\r\n")
                .doesNotContain("http\r\n");
    }

    @Test
    void keepsConnectionHeadersToItself() throws Exception {
        get(
                "/",
                edge.host(),
                "Connection: close, X-Hop",
                "X-Hop: 1",
                "Keep-Alive: timeout=1",
                "TE: trailers",
                "X-Stays: 2");
        assertThat(seen.take())
                .contains("\r\nX-Stays: 2\r\n")
                .doesNotContain("X-Hop")
                .doesNotContain("Keep-Alive")
                .doesNotContain("TE:")
                .doesNotContain("Connection:");
    }

    @Test
    void offersOfHttp2StayHere() throws Exception {
        String upgrade = "Connection: Upgrade, HTTP2-Settings";
        try (Wire wire = edge.connect()) {
            edge.request(
                    wire,
                    "POST /",
                    upgrade + "\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 2\r\n");
            wire.send("hi");
            wire.head();
        }
        assertThat(seen.take()).doesNotContainIgnoringCase("upgrade").doesNotContainIgnoringCase("http2-settings");
    }

    @Test
    void headersKeepTheirBytes() throws Exception {
        get("/", edge.host(), "X-Latin: \u00e9\u00ff", "X-Utf8: \u00c3\u00a9", "x-CaSe: 1");
        assertThat(seen.take())
                .contains("X-Latin: \u00e9\u00ff\r\n")
                .contains("X-Utf8: \u00c3\u00a9\r\n")
                .contains("x-CaSe: 1\r\n");
    }
}
