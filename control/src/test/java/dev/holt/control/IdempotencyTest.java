package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IdempotencyTest {
    private static final String CREATE = "{\"templateID\":\"base\"}";

    @TempDir
    Path directory;

    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        server = new TestServer(directory);
    }

    @AfterEach
    void stop() throws Exception {
        server.close();
    }

    private Reply create(String key, String body) throws Exception {
        return server.anonymous("POST", "/v2/sandboxes", body)
                .header("X-API-Key", server.key)
                .header("Idempotency-Key", key)
                .send();
    }

    @Test
    void repeatingACreateReturnsTheSameSandbox() throws Exception {
        Reply first = create("abc-1", CREATE);
        Reply again = create("abc-1", CREATE);
        assertThat(again.status()).isEqualTo(201);
        assertThat(again.body()).isEqualTo(first.body());
        assertThat(server.node.sandboxes).hasSize(1);
        assertThat(create("abc-2", CREATE).body()).isNotEqualTo(first.body());

        Reply other = create("abc-1", "{\"templateID\":\"base\",\"timeout\":9}");
        assertThat(other.status()).isEqualTo(422);
        assertThat(other.body().path("error_code").asString()).isEqualTo("idempotency_request_mismatch");
        assertThat(create("Not Allowed", CREATE).message()).startsWith("Idempotency-Key: ");

        server.call("DELETE", "/sandboxes/" + first.body().path("sandboxID").asString());
        Reply ended = create("abc-1", CREATE);
        assertThat(ended.status()).isEqualTo(409);
        assertThat(ended.message()).contains("has ended");
    }

    @Test
    void aRepeatThatComesTooEarlyIsToldToWait() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        server.node.onCreate = request -> {
            inside.countDown();
            try {
                if (!go.await(20, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("nobody let the create go on");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        };
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Reply> first = threads.submit(() -> create("key", CREATE));
            assertThat(inside.await(20, TimeUnit.SECONDS)).isTrue();
            Reply early = create("key", CREATE);
            go.countDown();
            assertThat(early.status()).isEqualTo(409);
            assertThat(early.body().path("error_code").asString()).isEqualTo("idempotency_in_progress");
            assertThat(early.header("Should-Retry")).isEqualTo("true");
            assertThat(early.header("Retry-After")).isEqualTo("1");
            assertThat(first.get().status()).isEqualTo(201);
            assertThat(create("key", CREATE).body()).isEqualTo(first.get().body());
        }
    }
}
