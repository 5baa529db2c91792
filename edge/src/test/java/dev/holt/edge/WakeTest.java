package dev.holt.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.http.JsonAnswer;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SandboxState;
import dev.holt.wire.files.FileSignature;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Traffic for sandboxes that do not run: who wakes them, how often, and what the others are told. */
class WakeTest {
    private static final Lifecycle WAKES =
            new Lifecycle(Lifecycle.OnTimeout.PAUSE, true, true, Duration.ofSeconds(300));
    private static final int CROWD = 1000;

    private GuestServer guest;
    private EdgeFixture edge;
    private SandboxId sandbox;

    @BeforeEach
    void start() throws IOException {
        guest = new GuestServer(connection -> {
            String head = connection.tryHead();
            while (head != null) {
                Matcher length = Pattern.compile("(?i)content-length: (\\d+)").matcher(head);
                String body = length.find() ? connection.read(Integer.parseInt(length.group(1))) : "";
                connection.send(GuestServer.ok("got " + body));
                head = connection.tryHead();
            }
        });
        edge = new EdgeFixture(
                true,
                true,
                Map.of(
                        49_983,
                        (id, request, response, callback) -> JsonAnswer.send(response, callback, 200, "envd of " + id),
                        49_999,
                        (id, request, response, callback) -> JsonAnswer.send(response, callback, 200, "kernel")),
                2 * CROWD);
        sandbox = sleeping(Optional.empty(), WAKES);
    }

    @AfterEach
    void stop() throws IOException {
        edge.close();
        guest.close();
    }

    private SandboxId sleeping(Optional<String> token, Lifecycle lifecycle) {
        SandboxId id = edge.node.start(NetworkPolicy.OPEN, token, lifecycle);
        edge.node.listen(id, 8000, guest.address());
        edge.node.put(id, SandboxState.PAUSED);
        return id;
    }

    private String request(SandboxId id, int port, String line, String headers, String body) throws IOException {
        try (Wire wire = edge.connect()) {
            wire.send(line + " HTTP/1.1\r\nHost: " + port + "-" + id + ".holt.test\r\n" + headers + "\r\n" + body);
            return wire.answer();
        }
    }

    private String get(SandboxId id, int port, String path, String... headers) throws IOException {
        return request(id, port, "GET " + path, headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n", "");
    }

    @ParameterizedTest
    @CsvSource({"8000, got", "49983, envd of", "49999, kernel"})
    void everyPortWakes(int port, String answer) throws Exception {
        assertThat(get(sandbox, port, "/x")).startsWith("HTTP/1.1 200").contains(answer);
        assertThat(edge.node.resumes).hasValue(1);
        assertThat(get(sandbox, port, "/x")).startsWith("HTTP/1.1 200");
        assertThat(edge.node.asked).hasValue(1);
    }

    @Test
    void aThousandAtOnceAreOneResumeAndLoseNothing() throws Exception {
        CountDownLatch crowd = new CountDownLatch(CROWD);
        edge.node.onWake = () -> await(crowd);
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<String>> answers = new ArrayList<>();
            for (int number = 0; number < CROWD; number++) {
                String body = "body of " + number;
                answers.add(threads.submit(() -> {
                    crowd.countDown();
                    return request(sandbox, 8000, "POST /", "Content-Length: " + body.length() + "\r\n", body);
                }));
            }
            for (int number = 0; number < CROWD; number++) {
                assertThat(answers.get(number).get()).startsWith("HTTP/1.1 200").endsWith("got body of " + number);
            }
        }
        assertThat(edge.node.resumes).hasValue(1);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void aBodyThatComesWhileTheSandboxIsWokenIsKept() throws Exception {
        CountDownLatch sent = new CountDownLatch(1);
        edge.node.onWake = () -> await(sent);
        try (Wire wire = edge.connect()) {
            wire.send("POST / HTTP/1.1\r\nHost: 8000-" + sandbox
                    + ".holt.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
            wire.send("4\r\nmore\r\n");
            sent.countDown();
            wire.send("0\r\n\r\n");
            // The guest of this test counts lengths only, so a chunked body is none to it; the exchange is whole all
            // the same.
            assertThat(wire.answer()).startsWith("HTTP/1.1 200");
        }
    }

    @ParameterizedTest
    @CsvSource({"UNAVAILABLE, 503", "FULL, 503", "INVALID, 503", "INTERNAL, 503", "TIMEOUT, 502", "NOT_FOUND, 502"})
    void aResumeThatFailsIsToldWithItsReason(NodeException.Kind kind, int status) throws Exception {
        edge.node.onWake = () -> {
            throw kind == NodeException.Kind.FULL
                    ? NodeException.full("pages.img is damaged", Duration.ofMillis(1500))
                    : new NodeException(kind, "pages.img is damaged");
        };
        String answer = get(sandbox, 8000, "/");
        assertThat(answer).startsWith("HTTP/1.1 " + status).contains("\"sandboxId\":\"" + sandbox + "\"");
        if (status == 503 && kind != NodeException.Kind.INTERNAL) {
            assertThat(answer).contains("pages.img is damaged");
        }
        assertThat(answer.contains("Retry-After: 2")).isEqualTo(kind == NodeException.Kind.FULL);
        edge.node.onWake = () -> {};
        assertThat(get(sandbox, 8000, "/")).startsWith("HTTP/1.1 200");
    }

    @Test
    void quotasRefuseWith429() throws Exception {
        edge.quota = Optional.of("the team's quota is <1>");
        assertThat(get(sandbox, 8000, "/")).startsWith("HTTP/1.1 429").contains("the team's quota is <1>");
        assertThat(get(sandbox, 8000, "/", "Accept: text/html")).contains("&lt;1&gt;");
        assertThat(edge.node.resumes).hasValue(0);
    }

    @Test
    void whatTrafficDoesNotResumeIsNotFoundAndSaysWhy() throws Exception {
        SandboxId id = sleeping(Optional.empty(), Lifecycle.killed(Duration.ofSeconds(300)));
        for (int port : new int[] {8000, 49_983, 49_999}) {
            assertThat(get(id, port, "/health"))
                    .startsWith("HTTP/1.1 502")
                    .contains("\"message\":\"The sandbox was not found: it is paused, and traffic does not resume it");
        }
        edge.node.put(sandbox, SandboxState.PAUSED, MemoryKept.NONE);
        assertThat(get(sandbox, 8000, "/")).startsWith("HTTP/1.1 502").contains("it is paused without its memory");
        edge.node.put(id, SandboxState.LOST);
        assertThat(get(id, 8000, "/")).startsWith("HTTP/1.1 502").contains("The sandbox was not found: it is lost");
        edge.node.put(sandbox, SandboxState.LOST);
        assertThat(get(sandbox, 8000, "/")).contains("it is lost");
        assertThat(edge.node.resumes).hasValue(0);
    }

    @ParameterizedTest
    @EnumSource(
            value = SandboxState.class,
            names = {"CAPTURING", "PAUSING", "RESUMING", "ROLLING_BACK"})
    void transitionsAreWaitedFor(SandboxState state) throws Exception {
        edge.node.put(sandbox, state);
        assertThat(get(sandbox, 8000, "/")).startsWith("HTTP/1.1 200");
        assertThat(get(sandbox, 49_983, "/health")).startsWith("HTTP/1.1 204");
    }

    @Test
    void whoIsBroughtBackBySomebodyElseIsWaitedFor() throws Exception {
        SandboxId id = sleeping(Optional.empty(), Lifecycle.killed(Duration.ofSeconds(300)));
        edge.node.put(id, SandboxState.PAUSING);
        assertThat(get(id, 8000, "/")).startsWith("HTTP/1.1 502").contains("it is paused");
        for (SandboxState state : List.of(SandboxState.RESUMING, SandboxState.ROLLING_BACK)) {
            edge.node.put(id, state);
            try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
                Future<String> answer = threads.submit(() -> get(id, 8000, "/"));
                edge.node.put(id, SandboxState.RUNNING);
                assertThat(answer.get()).startsWith("HTTP/1.1 200");
            }
            edge.node.put(id, state);
            try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
                Future<String> answer = threads.submit(() -> get(id, 8000, "/"));
                edge.node.put(id, SandboxState.PAUSED);
                assertThat(answer.get()).startsWith("HTTP/1.1 502").contains("it is paused");
            }
        }
        assertThat(edge.node.resumes).hasValue(0);
    }

    @Test
    void healthIsTrueAboutWhatRunsAndWakesAsAnyOtherCall() throws Exception {
        edge.node.put(sandbox, SandboxState.CAPTURING);
        assertThat(get(sandbox, 49_983, "/health")).startsWith("HTTP/1.1 204");
        assertThat(edge.node.asked).hasValue(0);
        edge.node.put(sandbox, SandboxState.PAUSED);
        assertThat(get(sandbox, 49_983, "/health")).startsWith("HTTP/1.1 204");
        assertThat(edge.node.resumes).hasValue(1);
    }

    @Test
    void secureSandboxesAreWokenByTheirTokenOnly() throws Exception {
        SandboxId secure = sleeping(Optional.of("secret"), WAKES);
        for (String[] headers : new String[][] {{}, {"X-Access-Token: wrong"}}) {
            assertThat(get(secure, 49_983, "/x", headers))
                    .startsWith("HTTP/1.1 403")
                    .contains("can't be resumed with the credentials provided");
        }
        assertThat(get(secure, 49_983, "/files?path=a&signature=v1_wrong")).startsWith("HTTP/1.1 403");
        assertThat(edge.node.resumes).hasValue(0);
        String signature = FileSignature.of("a", "read", "", "secret", OptionalLong.empty())
                .text();
        assertThat(get(secure, 49_983, "/files?path=a&signature=" + signature)).startsWith("HTTP/1.1 200");
        edge.node.put(secure, SandboxState.PAUSED);
        assertThat(get(secure, 49_983, "/x", "X-Access-Token: secret")).startsWith("HTTP/1.1 200");
        edge.node.put(secure, SandboxState.PAUSED);
        // Its own ports are as open as the owner left them.
        assertThat(get(secure, 8000, "/")).startsWith("HTTP/1.1 200");
        assertThat(edge.node.resumes).hasValue(3);
    }

    @Test
    void closedTrafficWakesNobody() throws Exception {
        NetworkPolicy closed = new NetworkPolicy(true, List.of(), List.of(), Optional.of("ticket"), Optional.empty());
        SandboxId id = edge.node.start(closed, Optional.of("secret"), WAKES);
        edge.node.put(id, SandboxState.PAUSED);
        assertThat(get(id, 8000, "/")).startsWith("HTTP/1.1 403");
        assertThat(edge.node.resumes).hasValue(0);
    }

    @Test
    void keptConnectionsOfAPausedSandboxAreNotUsedAgain() throws Exception {
        edge.node.put(sandbox, SandboxState.RUNNING);
        get(sandbox, 8000, "/");
        get(sandbox, 8000, "/");
        assertThat(guest.accepted()).isEqualTo(1);
        edge.node.put(sandbox, SandboxState.PAUSED);
        assertThat(get(sandbox, 8000, "/")).startsWith("HTTP/1.1 200");
        assertThat(guest.accepted()).isEqualTo(2);
    }

    @Test
    void aSandboxThatIsPausedOnTheWayIsWokenWithTheWholeRequest() throws Exception {
        edge.node.put(sandbox, SandboxState.RUNNING);
        AtomicInteger openings = new AtomicInteger();
        edge.node.beforeOpen = () -> {
            if (openings.incrementAndGet() == 1) {
                edge.node.put(sandbox, SandboxState.PAUSED);
            }
        };
        assertThat(request(sandbox, 8000, "POST /", "Content-Length: 4\r\n", "body"))
                .endsWith("got body");
        assertThat(edge.node.resumes).hasValue(1);
    }

    @Test
    void anAnswerThatAPauseCutsOffIsNotTakenForTheServers() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        SandboxId id = edge.node.start(NetworkPolicy.OPEN, Optional.empty(), WAKES);
        try (GuestServer silent = new GuestServer(connection -> {
                    connection.head();
                    asked.countDown();
                    connection.tryHead();
                });
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            edge.node.listen(id, 8000, silent.address());
            Future<String> answer = threads.submit(() -> request(id, 8000, "POST /", "Content-Length: 2\r\n", "hi"));
            await(asked);
            edge.node.put(id, SandboxState.PAUSING);
            assertThat(answer.get()).startsWith("HTTP/1.1 502").contains("The sandbox was paused before");
        }
    }

    @Test
    void webSocketsWakeAndBreakAtAPause() throws Exception {
        try (GuestServer server = new GuestServer(WakeTest::greet);
                HttpClient client = HttpClient.newHttpClient()) {
            edge.node.listen(sandbox, 8000, server.address());
            CompletableFuture<String> greeting = new CompletableFuture<>();
            CompletableFuture<Throwable> broken = new CompletableFuture<>();
            WebSocket.Listener listener = new WebSocket.Listener() {
                @Override
                public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
                    greeting.complete(data.toString());
                    socket.request(1);
                    return CompletableFuture.completedFuture(null);
                }

                @Override
                public void onError(WebSocket socket, Throwable error) {
                    broken.complete(error);
                }
            };
            client.newWebSocketBuilder()
                    .header("E2b-Sandbox-Id", sandbox.value())
                    .header("E2b-Sandbox-Port", "8000")
                    .buildAsync(URI.create("ws://127.0.0.1:" + edge.address().getPort() + "/ws"), listener)
                    .get(20, TimeUnit.SECONDS);
            assertThat(greeting.get(20, TimeUnit.SECONDS)).isEqualTo("hi");
            assertThat(edge.node.resumes).hasValue(1);
            // A snapshot leaves it alone, a pause does not.
            edge.node.put(sandbox, SandboxState.CAPTURING);
            edge.node.put(sandbox, SandboxState.RUNNING);
            assertThat(broken).isNotDone();
            edge.node.put(sandbox, SandboxState.PAUSING);
            assertThat(broken.get(20, TimeUnit.SECONDS)).isNotNull();
        }
    }

    private static void greet(Wire connection) throws Exception {
        Matcher key = Pattern.compile("(?i)Sec-WebSocket-Key: (\\S+)").matcher(connection.head());
        assertThat(key.find()).isTrue();
        byte[] accepted = MessageDigest.getInstance("SHA-1")
                .digest((key.group(1) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").getBytes(StandardCharsets.US_ASCII));
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: " + Base64.getEncoder().encodeToString(accepted) + "\r\n\r\n\u0081\u0002hi");
        connection.read(1);
    }

    @Test
    void aSandboxThatEndsWhileItIsWokenIsNotFound() throws Exception {
        edge.node.onWake = () -> {
            edge.node.kill(sandbox, EndReason.KILLED);
            throw new NodeException(NodeException.Kind.NOT_FOUND, "gone");
        };
        String answer = get(sandbox, 8000, "/");
        assertThat(answer).startsWith("HTTP/1.1 502").contains("\"message\":\"The sandbox was not found\"");
    }
}
