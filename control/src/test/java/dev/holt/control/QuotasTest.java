package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import dev.holt.control.access.TeamQuotas;
import dev.holt.nodeapi.NodeException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuotasTest {
    private static final String CREATE = "{\"templateID\":\"base\"}";

    @TempDir
    Path directory;

    /** The base template takes 2 vCPUs and 512 MiB. */
    @ParameterizedTest
    @CsvSource({"3, 100, 100000, concurrent sandboxes", "100, 7, 100000, vCPUs", "100, 100, 2047, MiB of memory"})
    void eachQuotaAllowsThreeAtATime(int sandboxes, int cpus, long memory, String name) throws Exception {
        TeamQuotas quotas = new TeamQuotas(sandboxes, cpus, memory, Duration.ofHours(1));
        try (TestServer server = new TestServer(directory, new FakeNode(), quotas)) {
            String first = server.create(CREATE);
            server.create(CREATE);
            server.create(CREATE);
            Reply refused = server.call("POST", "/v2/sandboxes", CREATE);
            assertThat(refused.status()).isEqualTo(429);
            assertThat(refused.header("Retry-After")).isEqualTo("1");
            assertThat(refused.message()).contains(name);
            server.call("DELETE", "/sandboxes/" + first);
            server.create(CREATE);
            // Another team has its own.
            String key = server.control.createApiKey(server.control.createTeam("b", "B", quotas), "b");
            assertThat(server.anonymous("POST", "/v2/sandboxes", CREATE)
                            .header("X-API-Key", key)
                            .send()
                            .status())
                    .isEqualTo(201);
        }
    }

    @Test
    void concurrentCreatesNeverTakeMoreThanThereIs() throws Exception {
        FakeNode node = new FakeNode();
        CountDownLatch allIn = new CountDownLatch(5);
        node.onCreate = request -> {
            allIn.countDown();
            try {
                // Nobody is done before five have passed the quota.
                if (!allIn.await(20, TimeUnit.SECONDS)) {
                    throw new NodeException(NodeException.Kind.INTERNAL, "fewer than five creates were let through");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        };
        TeamQuotas quotas = new TeamQuotas(5, 100, 100_000, Duration.ofHours(1));
        try (TestServer server = new TestServer(directory, node, quotas);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Integer>> creates = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                creates.add(threads.submit(
                        () -> server.call("POST", "/v2/sandboxes", CREATE).status()));
            }
            List<Integer> statuses = new ArrayList<>();
            for (Future<Integer> create : creates) {
                statuses.add(create.get());
            }
            assertThat(statuses).containsOnly(201, 429);
            assertThat(statuses.stream().filter(status -> status == 201)).hasSize(5);
            assertThat(node.sandboxes).hasSize(5);
        }
    }

    @Test
    void failedCreatesGiveTheirRoomBack() throws Exception {
        FakeNode node = new FakeNode();
        TeamQuotas quotas = new TeamQuotas(1, 2, 512, Duration.ofHours(1));
        try (TestServer server = new TestServer(directory, node, quotas)) {
            node.onCreate = request -> {
                throw new NodeException(NodeException.Kind.UNAVAILABLE, "runtime failed");
            };
            for (int i = 0; i < 3; i++) {
                assertThat(server.call("POST", "/v2/sandboxes", CREATE).status())
                        .isEqualTo(503);
            }
            node.onCreate = request -> {};
            server.create(CREATE);
        }
    }
}
