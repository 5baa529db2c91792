package dev.holt.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.nodeapi.EndReason;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TunnelTest {
    private static final Pattern KEY = Pattern.compile("(?i)Sec-WebSocket-Key: (\\S+)");

    /** A WebSocket server (RFC 6455) that sends short text frames back. */
    private static void echo(Wire connection) throws Exception {
        Matcher key = KEY.matcher(connection.head());
        assertThat(key.find()).isTrue();
        byte[] accepted = MessageDigest.getInstance("SHA-1")
                .digest((key.group(1) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").getBytes(StandardCharsets.US_ASCII));
        // The first frame comes together with the head, as it may.
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: " + Base64.getEncoder().encodeToString(accepted) + "\r\n\r\n\u0081\u0002hi");
        while (true) {
            int opcode = connection.read(1).charAt(0) & 0x0f;
            int length = connection.read(1).charAt(0) & 0x7f;
            String mask = connection.read(4);
            String masked = connection.read(length);
            StringBuilder text = new StringBuilder();
            for (int at = 0; at < length; at++) {
                text.append((char) (masked.charAt(at) ^ mask.charAt(at % 4)));
            }
            connection.send((char) (0x80 | opcode) + "" + (char) length + text);
            if (opcode == 8) {
                return;
            }
        }
    }

    private static final class Listener implements WebSocket.Listener {
        final BlockingQueue<String> texts = new LinkedBlockingQueue<>();
        final CompletableFuture<String> end = new CompletableFuture<>();

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
            texts.add(data.toString());
            socket.request(1);
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int status, String reason) {
            end.complete("closed");
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            end.complete("broken");
        }
    }

    private static WebSocket open(HttpClient client, EdgeFixture edge, Listener listener) throws Exception {
        return client.newWebSocketBuilder()
                .header("E2b-Sandbox-Id", edge.sandbox.value())
                .header("E2b-Sandbox-Port", "8000")
                .buildAsync(URI.create("ws://127.0.0.1:" + edge.address().getPort() + "/ws"), listener)
                .get(20, TimeUnit.SECONDS);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aHundredWebSocketsAtOnce(boolean channels) throws Exception {
        try (GuestServer guest = new GuestServer(TunnelTest::echo);
                EdgeFixture edge = new EdgeFixture(channels).with(guest);
                HttpClient client = HttpClient.newHttpClient()) {
            List<WebSocket> sockets = new ArrayList<>();
            List<Listener> listeners = new ArrayList<>();
            for (int number = 0; number < 100; number++) {
                Listener listener = new Listener();
                listeners.add(listener);
                sockets.add(open(client, edge, listener));
            }
            for (int round = 0; round < 3; round++) {
                for (int number = 0; number < 100; number++) {
                    sockets.get(number).sendText("message " + number, true).join();
                }
                for (int number = 0; number < 100; number++) {
                    BlockingQueue<String> texts = listeners.get(number).texts;
                    if (round == 0) {
                        assertThat(texts.poll(20, TimeUnit.SECONDS)).isEqualTo("hi");
                    }
                    assertThat(texts.poll(20, TimeUnit.SECONDS)).isEqualTo("message " + number);
                }
            }
            for (int number = 0; number < 100; number++) {
                sockets.get(number).sendClose(WebSocket.NORMAL_CLOSURE, "").join();
                assertThat(listeners.get(number).end.get(20, TimeUnit.SECONDS)).isEqualTo("closed");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aKilledSandboxBreaksItsWebSockets(boolean channels) throws Exception {
        try (GuestServer guest = new GuestServer(TunnelTest::echo);
                EdgeFixture edge = new EdgeFixture(channels).with(guest);
                HttpClient client = HttpClient.newHttpClient()) {
            Listener listener = new Listener();
            open(client, edge, listener);
            assertThat(listener.texts.poll(20, TimeUnit.SECONDS)).isEqualTo("hi");
            edge.node.kill(edge.sandbox, EndReason.KILLED);
            assertThat(listener.end.get(20, TimeUnit.SECONDS)).isEqualTo("broken");
        }
    }

    @Test
    void aServerMayRefuseToSwitch() throws Exception {
        try (GuestServer guest = GuestServer.answering("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            for (int round = 0; round < 2; round++) {
                edge.request(wire, "GET /", "Connection: Upgrade\r\nUpgrade: websocket\r\n");
                assertThat(wire.answer()).startsWith("HTTP/1.1 403").endsWith("no");
            }
        }
    }

    private static void upgrade(EdgeFixture edge, Wire wire, String early) throws IOException {
        wire.send("GET / HTTP/1.1\r\nHost: " + edge.host() + "\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n" + early);
        assertThat(wire.head())
                .startsWith("HTTP/1.1 101")
                .containsIgnoringCase("connection: upgrade")
                .contains("Upgrade: tcp");
    }

    @Test
    void endsOfStreamPassEachWayAlone() throws Exception {
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send("HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
                    String all = connection.rest();
                    connection.send("got " + all);
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            upgrade(edge, wire, "early ");
            wire.send("late");
            wire.socket().shutdownOutput();
            assertThat(wire.rest()).isEqualTo("got early late");
        }
    }

    @Test
    void movesMuchBothWays() throws Exception {
        int size = 30_000_000;
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send("HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
                    connection.in().transferTo(connection.socket().getOutputStream());
                });
                EdgeFixture edge = new EdgeFixture(false).with(guest);
                Wire wire = edge.connect()) {
            upgrade(edge, wire, "");
            byte[] sent = new byte[size];
            new java.util.Random(1).nextBytes(sent);
            Thread sender = Thread.startVirtualThread(() -> {
                try {
                    wire.socket().getOutputStream().write(sent);
                    wire.socket().shutdownOutput();
                } catch (IOException failure) {
                    throw new java.io.UncheckedIOException(failure);
                }
            });
            assertThat(wire.in().readAllBytes()).isEqualTo(sent);
            sender.join();
        }
    }

    @Test
    void eachSideSeesTheOtherBreak() throws Exception {
        CompletableFuture<Boolean> ended = new CompletableFuture<>();
        try (GuestServer guest = new GuestServer(connection -> {
                    boolean first = connection.head().startsWith("GET /first");
                    connection.send("HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
                    if (first) {
                        connection.reset();
                    } else {
                        ended.complete(connection.ended());
                    }
                });
                EdgeFixture edge = new EdgeFixture(true, true, Map.of(), 1).with(guest)) {
            try (Wire wire = edge.connect()) {
                wire.send("GET /first HTTP/1.1\r\nHost: " + edge.host()
                        + "\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n");
                assertThat(broken(wire)).isTrue();
            }
            // The first tunnel's place is free again: only one exchange is allowed at once.
            Wire wire = connectWhenFree(edge);
            wire.reset();
            assertThat(ended.get(20, TimeUnit.SECONDS)).isTrue();
        }
    }

    private static boolean broken(Wire wire) {
        try {
            String head = wire.tryHead();
            return head == null || head.startsWith("HTTP/1.1 502") || wire.ended();
        } catch (IOException reset) {
            return true;
        }
    }

    private static Wire connectWhenFree(EdgeFixture edge) throws IOException {
        while (true) {
            Wire wire = edge.connect();
            wire.send(
                    "GET /second HTTP/1.1\r\nHost: " + edge.host() + "\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n");
            if (wire.head().startsWith("HTTP/1.1 101")) {
                return wire;
            }
            wire.close();
        }
    }
}
