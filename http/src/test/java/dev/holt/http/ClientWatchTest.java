package dev.holt.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.io.Content;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ClientWatchTest {
    private static final String GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    private final CountDownLatch watching = new CountDownLatch(1);
    private final CompletableFuture<String> gone = new CompletableFuture<>();
    private final Semaphore release = new Semaphore(0);
    private TestServer server;

    /** Reads the body, then waits silently until the client is gone or the test releases it. */
    @BeforeEach
    void start() throws Exception {
        server = new TestServer((request, response, callback) -> {
            Content.Source.consumeAll(request);
            try (ClientWatch watch = ClientWatch.watch(request, () -> {
                gone.complete("gone");
                release.release();
            })) {
                watching.countDown();
                release.acquire();
            }
            JsonAnswer.send(response, callback, 200, "done");
            return true;
        });
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private void assertGone() throws Exception {
        assertThat(gone.get(20, TimeUnit.SECONDS)).isEqualTo("gone");
    }

    @Test
    void noticesAClose() throws Exception {
        try (RawClient client = new RawClient(server.address())) {
            client.send(GET);
            watching.await();
        }
        assertGone();
    }

    @Test
    void noticesAReset() throws Exception {
        RawClient client = new RawClient(server.address());
        client.send(GET);
        watching.await();
        client.reset();
        assertGone();
    }

    @Test
    void countsAHalfCloseAsLeaving() throws Exception {
        try (RawClient client = new RawClient(server.address())) {
            client.send(GET);
            watching.await();
            client.socket().shutdownOutput();
            assertGone();
        }
    }

    @Test
    void noticesACloseThatCameWithTheRequest() throws Exception {
        try (RawClient client = new RawClient(server.address())) {
            client.send(GET);
        }
        assertGone();
    }

    @Test
    void noticesACloseAfterAnUploadedBody() throws Exception {
        try (RawClient client = new RawClient(server.address())) {
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
            watching.await();
        }
        assertGone();
    }

    @Test
    void noticesACloseBehindAPipelinedRequest() throws Exception {
        try (RawClient client = new RawClient(server.address())) {
            client.send(GET);
            watching.await();
            client.send(GET);
        }
        assertGone();
    }

    @Test
    void keepsPipelinedRequestsWhole() throws Exception {
        try (RawClient client = new RawClient(server.address())) {
            client.send(GET);
            watching.await();
            String big = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + "x".repeat(100_000);
            client.send(GET + "GET / HT");
            client.send("TP/1.1\r\nHost: a\r\n\r\n" + big + GET);
            for (int answer = 0; answer < 5; answer++) {
                assertThat(gone).isNotDone();
                release.release();
                assertThat(client.answer()).startsWith("HTTP/1.1 200").endsWith("\"done\"");
            }
        }
    }

    @Test
    void watchesEachRequestOfAKeptConnection() throws Exception {
        try (RawClient client = new RawClient(server.address())) {
            for (int round = 0; round < 50; round++) {
                client.send(GET);
                release.release();
                assertThat(client.answer()).endsWith("\"done\"");
            }
            assertThat(gone).isNotDone();
            client.send(GET);
        }
        assertGone();
    }

    @Test
    void saysNothingAfterItWasClosed() throws Exception {
        AtomicInteger calls = new AtomicInteger();
        CountDownLatch closed = new CountDownLatch(1);
        CountDownLatch left = new CountDownLatch(1);
        CompletableFuture<Integer> seen = new CompletableFuture<>();
        try (TestServer other = new TestServer((request, response, callback) -> {
            ClientWatch.watch(request, calls::incrementAndGet).close();
            closed.countDown();
            left.await();
            // A second watch sees the end that the first must not report.
            CompletableFuture<String> second = new CompletableFuture<>();
            try (ClientWatch watch = ClientWatch.watch(request, () -> second.complete("gone"))) {
                second.join();
            }
            seen.complete(calls.get());
            callback.succeeded();
            return true;
        })) {
            try (RawClient client = new RawClient(other.address())) {
                client.send(GET);
                closed.await();
            }
            left.countDown();
            assertThat(seen.get(20, TimeUnit.SECONDS)).isZero();
        }
    }

    @Test
    void noticesAnHttp2Reset() throws Exception {
        try (Http2Client client = new Http2Client(server.address())) {
            client.get(1, "/");
            watching.await();
            client.reset(1);
            assertGone();
        }
    }

    @Test
    void noticesAClosedHttp2Connection() throws Exception {
        try (Http2Client client = new Http2Client(server.address())) {
            client.get(1, "/");
            watching.await();
        }
        assertGone();
    }
}
