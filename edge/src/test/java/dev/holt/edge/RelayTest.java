package dev.holt.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.nodeapi.EndReason;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RelayTest {
    private static String get(GuestServer guest, String method, String headers) throws IOException {
        try (guest;
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            edge.request(wire, method + " /", headers);
            return method.equals("HEAD") ? wire.head() : wire.answer();
        }
    }

    private static String answerTo(String guestAnswer) throws IOException {
        return get(
                new GuestServer(connection -> {
                    connection.head();
                    connection.send(guestAnswer);
                }),
                "GET",
                "");
    }

    @Test
    void passesBodiesByLengthInChunksAndUntilClose() throws Exception {
        assertThat(answerTo(GuestServer.ok("by length"))).endsWith("\r\n\r\nby length");
        assertThat(answerTo("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n"
                        + "0\r\nX-Trailer: 1\r\n\r\n"))
                .endsWith("abc0123456789");
        assertThat(answerTo("HTTP/1.1 200 OK\r\n\r\nuntil close"))
                .contains("Transfer-Encoding: chunked")
                .endsWith("until close");
        assertThat(answerTo("HTTP/1.0 200 OK\r\nX-Old: 1\r\n\r\nold"))
                .contains("X-Old: 1")
                .endsWith("old");
        assertThat(answerTo("HTTP/1.1 200 OK\nContent-Length: 2\n\nLF")).endsWith("LF");
    }

    @Test
    void answersWithoutBodiesHaveNone() throws Exception {
        assertThat(get(
                        new GuestServer(c -> {
                            c.head();
                            c.send("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
                        }),
                        "HEAD",
                        ""))
                .contains("Content-Length: 12345");
        assertThat(answerTo("HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"))
                .contains("X-A: 1")
                .contains("204");
        try (GuestServer guest =
                        GuestServer.answering("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 7\r\n\r\n");
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            for (int round = 0; round < 3; round++) {
                edge.request(wire, "GET /", "");
                assertThat(wire.head()).startsWith("HTTP/1.1 304").contains("ETag: \"x\"");
            }
        }
    }

    @Test
    void passesStatusAndHeadersAsTheyAre() throws Exception {
        assertThat(answerTo(
                        "HTTP/1.1 418 Whatever\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Empty:\r\nServer: guest\r\n"
                                + "X-Latin: \u00e9\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
                                + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"))
                .startsWith("HTTP/1.1 418")
                .contains("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n")
                .contains("X-Empty:")
                .contains("Server: guest")
                .contains("X-Latin: \u00e9")
                .contains("Content-Encoding: gzip")
                .doesNotContain("X-Hop")
                .doesNotContain("Keep-Alive");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void passesUploadsBothWays(boolean channels) throws Exception {
        try (GuestServer guest = new GuestServer(connection -> {
                    String head = connection.tryHead();
                    while (head != null) {
                        boolean chunked = head.contains("Transfer-Encoding: chunked");
                        String length = head.replaceAll("(?s).*Content-Length: (\\d+).*", "$1");
                        String body = chunked ? connection.chunks() : connection.read(Integer.parseInt(length));
                        connection.send(GuestServer.ok(chunked + " " + body.length() + " " + body.hashCode()));
                        head = connection.tryHead();
                    }
                });
                EdgeFixture edge = new EdgeFixture(channels).with(guest);
                Wire wire = edge.connect()) {
            for (int size : List.of(0, 1, 1000, 20_000, 300_000, 3_000_000)) {
                String body = "x".repeat(size);
                edge.request(wire, "POST /", "Content-Length: " + size + "\r\n");
                wire.send(body);
                assertThat(wire.answer()).endsWith("false " + size + " " + body.hashCode());
                edge.request(wire, "PUT /", "Transfer-Encoding: chunked\r\n");
                for (int at = 0; at < size; at += 100_000) {
                    int length = Math.min(100_000, size - at);
                    wire.send(Integer.toHexString(length) + "\r\n" + "x".repeat(length) + "\r\n");
                }
                wire.send("0\r\n\r\n");
                assertThat(wire.answer()).endsWith(" " + size + " " + body.hashCode());
            }
        }
    }

    @Test
    void bothDirectionsGoOnAtOnce() throws Exception {
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                    for (String size = connection.line(); !size.startsWith("0"); size = connection.line()) {
                        String data = connection.read(Integer.parseInt(size.strip(), 16));
                        connection.line();
                        connection.send("1\r\n" + data.toUpperCase(java.util.Locale.ROOT) + "\r\n");
                    }
                    connection.send("0\r\n\r\n");
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            edge.request(wire, "POST /", "Transfer-Encoding: chunked\r\n");
            wire.head();
            // The line end behind a chunk comes with the next one.
            for (String letter : List.of("a", "b", "c")) {
                wire.send("1\r\n" + letter + "\r\n");
                String before = letter.equals("a") ? "" : "\r\n";
                String expected = before + "1\r\n" + letter.toUpperCase(java.util.Locale.ROOT);
                assertThat(wire.read(expected.length())).isEqualTo(expected);
            }
            wire.send("0\r\n\r\n");
            assertThat(wire.read(7)).isEqualTo("\r\n0\r\n\r\n");
        }
    }

    @Test
    void eventsArriveBeforeTheNextIsProduced() throws Exception {
        CountDownLatch firstSeen = new CountDownLatch(1);
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
                    connection.send("data: 1\n\n");
                    firstSeen.await();
                    connection.send("data: 2\n\n");
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            edge.request(wire, "GET /", "");
            assertThat(wire.head()).contains("text/event-stream");
            assertThat(wire.line()).isEqualTo("9\r");
            assertThat(wire.read(9)).isEqualTo("data: 1\n\n");
            firstSeen.countDown();
            wire.line();
            assertThat(wire.chunks()).isEqualTo("data: 2\n\n");
        }
    }

    @Test
    void headsOfStreamsArriveBeforeAnyBody() throws Exception {
        CountDownLatch headSeen = new CountDownLatch(1);
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
                    headSeen.await();
                    connection.send("late");
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            edge.request(wire, "GET /", "");
            assertThat(wire.head()).contains("Content-Length: 4");
            headSeen.countDown();
            assertThat(wire.read(4)).isEqualTo("late");
        }
    }

    @Test
    void asksTheServerBeforeAClientThatWaitsMaySend() throws Exception {
        try (GuestServer guest = new GuestServer(connection -> {
                    String head = connection.head();
                    if (head.startsWith("POST /no")) {
                        connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
                        return;
                    }
                    if (head.contains("Expect: 100-continue")) {
                        connection.send("HTTP/1.1 100 Continue\r\n\r\n");
                    }
                    connection.send(GuestServer.ok(connection.read(5)));
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect();
                Wire refused = edge.connect()) {
            edge.request(wire, "POST /yes", "Expect: 100-continue\r\nContent-Length: 5\r\n");
            assertThat(wire.head()).startsWith("HTTP/1.1 100");
            wire.send("hello");
            assertThat(wire.answer()).startsWith("HTTP/1.1 200").endsWith("hello");
            edge.request(refused, "POST /no", "Expect: 100-continue\r\nContent-Length: 5\r\n");
            assertThat(refused.answer()).startsWith("HTTP/1.1 413");
        }
    }

    @Test
    void aServerThatIgnoresExpectGetsTheBodyAnyway() throws Exception {
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send(GuestServer.ok(connection.read(5)));
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            edge.request(wire, "POST /", "Expect: 100-continue\r\nContent-Length: 5\r\n");
            assertThat(wire.head()).startsWith("HTTP/1.1 100");
            wire.send("hello");
            assertThat(wire.answer()).endsWith("hello");
        }
    }

    @Test
    void passesEarlyHints() throws Exception {
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send("HTTP/1.1 102 Processing\r\n\r\n");
                    connection.send(
                            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + GuestServer.ok("x"));
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            edge.request(wire, "GET /", "");
            assertThat(wire.head()).startsWith("HTTP/1.1 102");
            assertThat(wire.head()).startsWith("HTTP/1.1 103").contains("Link: </a.css>; rel=preload");
            assertThat(wire.answer()).startsWith("HTTP/1.1 200").endsWith("x");
        }
    }

    @Test
    void anEarlyAnswerReachesAClientThatStillSends() throws Exception {
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            edge.request(wire, "POST /", "Content-Length: 5000000\r\n");
            wire.send("x".repeat(5_000_000));
            assertThat(wire.answer()).startsWith("HTTP/1.1 403").endsWith("no");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theServerSeesAClientLeaveWhileItIsSilent(boolean channels) throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CompletableFuture<Boolean> ended = new CompletableFuture<>();
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    asked.countDown();
                    ended.complete(connection.ended());
                });
                EdgeFixture edge = new EdgeFixture(channels).with(guest)) {
            try (Wire wire = edge.connect()) {
                edge.request(wire, "GET /", "");
                asked.await();
            }
            assertThat(ended.get(20, TimeUnit.SECONDS)).isTrue();
        }
    }

    @Test
    void theServerSeesAClientLeaveWithinItsUploadAndWithinAStream() throws Exception {
        CompletableFuture<Boolean> uploadEnded = new CompletableFuture<>();
        CompletableFuture<Boolean> streamEnded = new CompletableFuture<>();
        try (GuestServer guest = new GuestServer(connection -> {
                    if (connection.head().startsWith("POST")) {
                        connection.read(5);
                        uploadEnded.complete(connection.ended());
                    } else {
                        connection.send("HTTP/1.1 200 OK\r\n\r\nfirst");
                        streamEnded.complete(connection.ended());
                    }
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest)) {
            try (Wire wire = edge.connect()) {
                edge.request(wire, "POST /", "Content-Length: 100\r\n");
                wire.send("hello");
            }
            assertThat(uploadEnded.get(20, TimeUnit.SECONDS)).isTrue();
            try (Wire wire = edge.connect()) {
                edge.request(wire, "GET /", "");
                wire.head();
            }
            assertThat(streamEnded.get(20, TimeUnit.SECONDS)).isTrue();
        }
    }

    @Test
    void aServerThatBreaksWithinABodyBreaksTheClient() throws Exception {
        for (String head : List.of("Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n", "")) {
            for (String version : List.of("HTTP/1.1", "HTTP/1.0")) {
                try (GuestServer guest = new GuestServer(connection -> {
                            connection.head();
                            connection.send("HTTP/1.1 200 OK\r\n" + head + "\r\n5\r\nhello\r\n");
                            connection.reset();
                        });
                        EdgeFixture edge = new EdgeFixture(true).with(guest);
                        Wire wire = edge.connect()) {
                    wire.send("GET / " + version + "\r\nHost: " + edge.host() + "\r\nConnection: close\r\n\r\n");
                    assertBroken(wire);
                }
            }
        }
    }

    /** Reads to the end; a whole answer would be a lie. The reset may overtake the answer altogether. */
    private static void assertBroken(Wire wire) {
        String seen;
        try {
            String head = wire.head();
            if (head.startsWith("HTTP/1.1 502")) {
                return;
            }
            seen = head + wire.rest();
        } catch (IOException reset) {
            return;
        }
        boolean chunked = seen.contains("chunked");
        assertThat(chunked || seen.contains("Content-Length: 100")).as(seen).isTrue();
        assertThat(seen).doesNotEndWith("0\r\n\r\n");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aSandboxThatIsKilledBreaksItsStreams(boolean channels) throws Exception {
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
                    connection.ended();
                });
                EdgeFixture edge = new EdgeFixture(channels).with(guest);
                Wire wire = edge.connect()) {
            edge.request(wire, "GET /", "");
            wire.head();
            assertThat(wire.read(8)).isEqualTo("5\r\nhello");
            edge.node.kill(edge.sandbox, EndReason.KILLED);
            assertThat(wire.ended()).isTrue();
        }
    }

    @Test
    void aSandboxThatIsKilledBeforeItAnswersIsNotFound() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    asked.countDown();
                    connection.ended();
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            edge.request(wire, "GET /", "");
            asked.await();
            edge.node.kill(edge.sandbox, EndReason.KILLED);
            assertThat(wire.answer()).startsWith("HTTP/1.1 502").contains("The sandbox was not found");
        }
    }

    @Test
    void keepsConnectionsForRepeatableRequestsOnly() throws Exception {
        try (GuestServer guest = GuestServer.answering(GuestServer.ok("x"));
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            for (int round = 0; round < 20; round++) {
                edge.request(wire, "GET /", "");
                wire.answer();
            }
            assertThat(edge.node.opened).hasValue(1);
            edge.request(wire, "POST /", "Content-Length: 0\r\n");
            wire.answer();
            assertThat(edge.node.opened).hasValue(2);
        }
    }

    @Test
    void aKeptConnectionThatDiedIsReplacedUnseen() throws Exception {
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send(GuestServer.ok("x"));
                });
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            for (int round = 0; round < 50; round++) {
                edge.request(wire, "GET /", "");
                assertThat(wire.answer()).startsWith("HTTP/1.1 200").endsWith("x");
            }
            assertThat(guest.accepted()).isEqualTo(50);
        }
    }

    @Test
    void unaskedBytesBehindAnAnswerNeverReachTheNext() throws Exception {
        try (GuestServer guest = GuestServer.answering(GuestServer.ok("x") + GuestServer.ok("poison"));
                EdgeFixture edge = new EdgeFixture(true).with(guest);
                Wire wire = edge.connect()) {
            for (int round = 0; round < 5; round++) {
                edge.request(wire, "GET /", "");
                assertThat(wire.answer()).endsWith("\r\n\r\nx");
            }
        }
    }

    @Test
    void waitsAMomentForAServerThatJustStarts() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        InetSocketAddress later = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
        try (EdgeFixture edge = new EdgeFixture(true);
                Wire wire = edge.connect()) {
            edge.node.listen(edge.sandbox, 8000, later);
            edge.request(wire, "GET /", "");
            while (edge.node.opened.get() == 0) {
                Thread.onSpinWait();
            }
            try (ServerSocket server = new ServerSocket()) {
                server.bind(later);
                try (Wire connection = new Wire(server.accept())) {
                    connection.head();
                    connection.send(GuestServer.ok("started"));
                    assertThat(wire.answer()).endsWith("started");
                }
            }
        }
    }

    @Test
    void answersThatAreNotHttpAreBadGateways() throws Exception {
        Map<String, String> bad = Map.ofEntries(
                Map.entry("SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
                Map.entry("HTTP/2.0 200 OK\r\n\r\n", "not HTTP"),
                Map.entry("HTTP/1.1 2000 OK\r\n\r\n", "status"),
                Map.entry("HTTP/1.1 20x OK\r\n\r\n", "status"),
                Map.entry("HTTP/1.1 999 OK\r\n\r\n", "status"),
                Map.entry("HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n", "name"),
                Map.entry("HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", "name"),
                Map.entry("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", "control character"),
                Map.entry("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "content length"),
                Map.entry("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "content length"),
                Map.entry("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "transfer encoding"),
                Map.entry("HTTP/1.1 101 Switching\r\n\r\n", "nobody asked"),
                Map.entry("HTTP/1.1 200 OK\r\nX: " + "y".repeat(70_000), "longer than"),
                Map.entry("HTTP/1.1 100 Continue\r\n\r\n".repeat(40), "interim"),
                Map.entry("HTTP/1.1 200 OK\r\nX: y", "ends within"),
                Map.entry("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk"));
        for (Map.Entry<String, String> one : bad.entrySet()) {
            assertThat(answerTo(one.getKey()))
                    .as(one.getKey().substring(0, Math.min(60, one.getKey().length())))
                    .startsWith("HTTP/1.1 502")
                    .contains("invalid answer")
                    .contains(one.getValue());
        }
        assertThat(answerTo("")).startsWith("HTTP/1.1 502").contains("without a whole answer");
    }

    @Test
    void tooManyExchangesAreRefused() throws Exception {
        CountDownLatch asked = new CountDownLatch(2);
        CountDownLatch finish = new CountDownLatch(1);
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    asked.countDown();
                    finish.await();
                    connection.send(GuestServer.ok("x"));
                });
                EdgeFixture edge = new EdgeFixture(true, true, Map.of(), 2).with(guest);
                Wire one = edge.connect();
                Wire two = edge.connect()) {
            edge.request(one, "GET /", "");
            edge.request(two, "GET /", "");
            asked.await();
            assertThat(edge.get("/")).startsWith("HTTP/1.1 429").contains("(limit: 2)");
            finish.countDown();
            assertThat(one.answer()).endsWith("x");
            assertThat(two.answer()).endsWith("x");
        }
    }
}
