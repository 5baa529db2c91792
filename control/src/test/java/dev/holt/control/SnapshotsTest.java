package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import dev.holt.control.access.Team;
import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** Snapshots and forks: names, tags, namespaces, lists, deletion, quotas, and rows against builds. */
class SnapshotsTest {
    private static final String BASE = "{\"templateID\":\"base\"}";

    @TempDir
    Path directory;

    private final FakeNode node = new FakeNode();
    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        open();
    }

    private void open() throws Exception {
        server = new TestServer(directory, node, TestServer.QUOTAS);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private String snapshot(String sandbox, String body) throws Exception {
        Reply reply = server.call("POST", "/sandboxes/" + sandbox + "/snapshots", body);
        assertThat(reply.status()).as(reply.text()).isEqualTo(201);
        return reply.body().path("snapshotID").asString();
    }

    private int delete(String name) throws Exception {
        return server.call("DELETE", "/templates/" + URLEncoder.encode(name, StandardCharsets.UTF_8))
                .status();
    }

    private Reply createFrom(String name) throws Exception {
        return server.call("POST", "/v2/sandboxes", "{\"templateID\":\"" + name + "\"}");
    }

    private List<String> listed(String query) throws Exception {
        Reply reply = server.call("GET", "/snapshots" + query);
        assertThat(reply.status()).as(reply.text()).isEqualTo(200);
        return reply.body()
                .valueStream()
                .map(snapshot -> snapshot.path("snapshotID").asString())
                .toList();
    }

    @Test
    void unnamedOnesAreCalledByTheirId() throws Exception {
        String sandbox = server.create(BASE);
        Reply made = server.call("POST", "/sandboxes/" + sandbox + "/snapshots", "{}");
        String id = made.body().path("snapshotID").asString();
        assertThat(id).matches("[a-z0-9]{20}:default");
        assertThat(made.body().path("names").size()).isZero();
        JsonNode details = made.body().path("holt");
        assertThat(details.path("sandboxID").asString()).isEqualTo(sandbox);
        assertThat(details.path("memory").asString()).isEqualTo("disk");
        assertThat(details.path("bytes").asInt()).isEqualTo(4096);
        Reply created = createFrom(id);
        assertThat(created.status()).isEqualTo(201);
        assertThat(created.body().path("templateID").asString() + ":default").isEqualTo(id);
        assertThat(node.requests.getLast().buildId())
                .isEqualTo(details.path("buildID").asString());
        assertThat(createFrom(id.split(":")[0]).status()).isEqualTo(201);
        // A second tag of it, without a name.
        assertThat(snapshot(sandbox, "{\"name\":\"" + id.split(":")[0] + ":v2\"}"))
                .isEqualTo(id.split(":")[0] + ":v2");
        assertThat(delete(id)).isEqualTo(204);
        assertThat(delete(id)).isEqualTo(404);
        assertThat(node.builds).hasSize(1);
    }

    @Test
    void namesLiveInTheTeamsNamespace() throws Exception {
        String sandbox = server.create(BASE);
        assertThat(snapshot(sandbox, "{\"name\":\"  My-Snap \"}")).isEqualTo("default/my-snap:default");
        assertThat(snapshot(sandbox, "{\"name\":\"default/my-snap:v2\",\"memory\":false}"))
                .isEqualTo("default/my-snap:v2");
        assertThat(node.captures.getLast().keepMemory()).isFalse();
        assertThat(node.captures.getLast().template())
                .isEqualTo(node.captures.getFirst().template());
        for (String name : List.of("my-snap", "my-snap:default", "default/my-snap", "MY-SNAP:default")) {
            assertThat(createFrom(name).status()).as(name).isEqualTo(201);
            assertThat(node.requests.getLast().buildId())
                    .isEqualTo(node.captures.getFirst().buildId());
        }
        assertThat(createFrom("my-snap:v2").body().path("alias").asString()).isEqualTo("my-snap");
        assertThat(createFrom("my-snap:" + node.captures.getLast().buildId()).status())
                .isEqualTo(201);
        Reply missing = createFrom("my-snap:v3");
        assertThat(missing.status()).isEqualTo(404);
        assertThat(missing.message()).contains("no tag 'v3'").contains("v2");
        assertThat(createFrom("others/my-snap").status()).isEqualTo(404);

        Team other = server.control.createTeam("other", "Other", TestServer.QUOTAS);
        String key = server.control.createApiKey(other, "k");
        assertThat(server.anonymous("POST", "/v2/sandboxes", "{\"templateID\":\"my-snap\"}")
                        .header("X-API-Key", key)
                        .send()
                        .status())
                .isEqualTo(404);
        assertThat(server.anonymous("DELETE", "/templates/my-snap", null)
                        .header("X-API-Key", key)
                        .send()
                        .status())
                .isEqualTo(404);
        assertThat(server.anonymous("GET", "/snapshots", null)
                        .header("X-API-Key", key)
                        .send()
                        .body()
                        .size())
                .isZero();
    }

    @ParameterizedTest
    @CsvSource({
        "a b, a template is a name",
        "a:b:c, a template is a name",
        "'', name: must have at least 1",
        "other/x, the namespace 'other' must be your team's",
        "x:11111111-2222-4333-8444-555555555555, a tag must not look like",
    })
    void badNamesAreRefusedBeforeAnythingIsDone(String name, String message) throws Exception {
        String sandbox = server.create(BASE);
        Reply reply = server.call("POST", "/sandboxes/" + sandbox + "/snapshots", "{\"name\":\"" + name + "\"}");
        assertThat(reply.status()).isEqualTo(400);
        assertThat(reply.message()).startsWith("name: ").contains(message);
        assertThat(node.captures).isEmpty();
    }

    @Test
    void aLaterOneTakesTheTag() throws Exception {
        String sandbox = server.create(BASE);
        snapshot(sandbox, "{\"name\":\"work\"}");
        snapshot(sandbox, "{\"name\":\"work:keep\"}");
        snapshot(sandbox, "{\"name\":\"work\"}");
        assertThat(node.builds.stream().map(SnapshotBuild::buildId))
                .containsExactly(
                        node.captures.get(1).buildId(), node.captures.get(2).buildId());
        assertThat(listed("")).containsExactly("default/work:default", "default/work:keep");
        assertThat(delete("work:keep")).isEqualTo(204);
        assertThat(createFrom("work:keep").status()).isEqualTo(404);
        assertThat(createFrom("work").status()).isEqualTo(201);
        snapshot(sandbox, "{\"name\":\"work:more\"}");
        assertThat(delete("default/work")).isEqualTo(204);
        assertThat(node.builds).isEmpty();
        assertThat(listed("")).isEmpty();
        assertThat(createFrom("work").status()).isEqualTo(404);
    }

    @Test
    void deletionKnowsItsLimits() throws Exception {
        assertThat(delete("base")).isEqualTo(403);
        assertThat(delete("nothing")).isEqualTo(404);
        assertThat(delete("a b")).isEqualTo(400);
        String sandbox = server.create(BASE);
        snapshot(sandbox, "{\"name\":\"mine\"}");
        // As older clients write it.
        assertThat(server.call("DELETE", "/templates/default/mine:default").status())
                .isEqualTo(204);
        // A name of everybody's may be a team's own, too, and comes first then.
        snapshot(sandbox, "{\"name\":\"base\"}");
        createFrom("base");
        assertThat(node.requests.getLast().buildId())
                .isEqualTo(node.captures.getLast().buildId());
        assertThat(delete("base")).isEqualTo(204);
        createFrom("base");
        assertThat(node.requests.getLast().buildId()).isEqualTo(TestServer.BUILD.toString());
    }

    @Test
    void listsFilterAndPage() throws Exception {
        String one = server.create(BASE);
        String two = server.create(BASE);
        snapshot(one, "{\"name\":\"a\"}");
        snapshot(one, "{\"name\":\"a:v1\"}");
        snapshot(two, "{\"name\":\"b\"}");
        assertThat(listed("")).containsExactlyInAnyOrder("default/a:default", "default/a:v1", "default/b:default");
        assertThat(listed("?sandboxID=" + one)).containsExactlyInAnyOrder("default/a:default", "default/a:v1");
        assertThat(listed("?sandboxID=" + two + "-holt")).containsExactly("default/b:default");
        assertThat(listed("?name=a")).hasSize(2);
        assertThat(listed("?name=default/a:v1")).containsExactly("default/a:v1");
        assertThat(listed("?name=nothing")).isEmpty();
        assertThat(server.call("GET", "/snapshots?name=other/a").status()).isEqualTo(400);
        assertThat(server.call("GET", "/snapshots?sandboxID=A%20B").message()).startsWith("sandboxID: ");
        Set<String> seen = new HashSet<>();
        String token = "";
        for (int page = 0; page < 3; page++) {
            Reply reply = server.call("GET", "/snapshots?limit=1" + (page == 0 ? "" : "&nextToken=" + token));
            token = reply.header("X-Next-Token");
            seen.add(reply.body().get(0).path("snapshotID").asString());
        }
        assertThat(seen).hasSize(3);
        assertThat(token).isEmpty();
        // They are no templates to those who list templates, but can be looked at.
        assertThat(server.call("GET", "/templates").body().size()).isEqualTo(1);
        assertThat(server.call("GET", "/templates/a").body().path("builds").size())
                .isEqualTo(2);
    }

    @Test
    void twoOfOneNewNameAtOnceMakeOneTemplate() throws Exception {
        String sandbox = server.create(BASE);
        CountDownLatch both = new CountDownLatch(2);
        node.onMove = id -> {
            both.countDown();
            await(both);
        };
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<String> first = threads.submit(() -> snapshot(sandbox, "{\"name\":\"n:a\"}"));
            Future<String> second = threads.submit(() -> snapshot(sandbox, "{\"name\":\"n:b\"}"));
            first.get();
            second.get();
        }
        assertThat(node.captures.stream().map(CaptureSandbox::template).distinct())
                .hasSize(1);
        assertThat(listed("?name=n")).containsExactlyInAnyOrder("default/n:a", "default/n:b");
    }

    private static void await(CountDownLatch latch) {
        try {
            if (!latch.await(20, TimeUnit.SECONDS)) {
                throw new NodeException(NodeException.Kind.INTERNAL, "the others did not come");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void namesSurviveARestartAndRowsMeetTheirBuilds() throws Exception {
        String sandbox = server.create(BASE);
        snapshot(sandbox, "{\"name\":\"kept\"}");
        snapshot(sandbox, "{\"name\":\"lost\"}");
        SnapshotBuild lost = node.builds.getLast();
        node.builds.remove(lost);
        SnapshotBuild young = orphan(Duration.ofMinutes(1));
        SnapshotBuild old = orphan(Duration.ofHours(2));
        server.close();
        open();
        assertThat(node.builds).contains(young).doesNotContain(old);
        assertThat(createFrom("kept").status()).isEqualTo(201);
        Reply missing = createFrom("lost");
        assertThat(missing.status()).isEqualTo(404);
        assertThat(missing.message()).contains("artifacts are missing");
        JsonNode listed = server.call("GET", "/snapshots?name=lost").body().get(0);
        assertThat(listed.path("holt").path("problem").asString()).contains("missing");
        node.builds.add(lost);
        server.close();
        open();
        assertThat(createFrom("lost").status()).isEqualTo(201);
        assertThat(delete("lost")).isEqualTo(204);
    }

    private SnapshotBuild orphan(Duration age) {
        SnapshotBuild made = node.builds.getFirst();
        SnapshotBuild orphan = new SnapshotBuild(
                new TemplateId("orphan"),
                UUID.randomUUID().toString(),
                made.source(),
                made.teamId(),
                made.isolation(),
                made.memory(),
                made.resources(),
                1,
                Instant.now().minus(age),
                Duration.ZERO);
        node.builds.add(orphan);
        return orphan;
    }

    @Test
    void forksAreOthersLikeTheOriginal() throws Exception {
        String original = server.create("{\"templateID\":\"base\",\"metadata\":{\"a\":\"b\"},\"autoPause\":true,"
                + "\"network\":{\"allowPublicTraffic\":false,\"denyOut\":[\"10.0.0.0/8\"]}}");
        Reply reply = server.call("POST", "/sandboxes/" + original + "/fork", "{\"count\":3,\"timeout\":50}");
        assertThat(reply.status()).isEqualTo(201);
        assertThat(node.captures).hasSize(1);
        assertThat(node.captures.getFirst().passing()).isTrue();
        assertThat(node.builds).isEmpty();
        Set<String> ids = new HashSet<>(Set.of(original));
        Set<String> tokens = new HashSet<>();
        for (JsonNode result : reply.body()) {
            ids.add(result.path("sandbox").path("sandboxID").asString());
            tokens.add(result.path("sandbox").path("envdAccessToken").asString());
            tokens.add(result.path("sandbox").path("trafficAccessToken").asString());
        }
        assertThat(ids).hasSize(4);
        assertThat(tokens).hasSize(6);
        CreateSandbox request = node.requests.getLast();
        assertThat(request.metadata()).containsEntry("a", "b");
        assertThat(request.network().denyOut()).containsExactly("10.0.0.0/8");
        assertThat(request.lifecycle().timeout()).isEqualTo(Duration.ofSeconds(50));
        assertThat(request.lifecycle().onTimeout().wireName()).isEqualTo("pause");
        assertThat(server.call("GET", "/v2/sandboxes?metadata=a%3Db").body().size())
                .isEqualTo(4);
        for (String body : List.of("{\"count\":0}", "{\"count\":101}")) {
            assertThat(server.call("POST", "/sandboxes/" + original + "/fork", body)
                            .message())
                    .startsWith("count: ");
        }
        assertThat(server.call("POST", "/sandboxes/" + original + "/fork", "{\"timeout\":3601}")
                        .status())
                .isEqualTo(400);
        assertThat(server.call("POST", "/sandboxes/" + original + "/fork")
                        .body()
                        .size())
                .isEqualTo(1);
    }

    @Test
    void eachForkFailsForItself() throws Exception {
        String original = server.create(BASE);
        // The team has room for 20 sandboxes, and one runs.
        Reply reply = server.call("POST", "/sandboxes/" + original + "/fork", "{\"count\":25}");
        assertThat(reply.status()).isEqualTo(201);
        List<JsonNode> failures = new ArrayList<>();
        reply.body().forEach(result -> {
            if (result.has("error")) {
                failures.add(result.path("error"));
            }
        });
        assertThat(failures)
                .hasSize(6)
                .allSatisfy(error -> assertThat(error.path("code").asInt()).isEqualTo(429));
        assertThat(node.sandboxes).hasSize(20);
        node.kill(new SandboxId(original), dev.holt.nodeapi.EndReason.KILLED);
    }

    @Test
    void pausedOnesHoldNoRoomAndNobodyOvertakes() throws Exception {
        List<String> sandboxes = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            sandboxes.add(server.create(BASE));
        }
        assertThat(createFrom("base").status()).isEqualTo(429);
        for (String sandbox : sandboxes) {
            assertThat(server.call("POST", "/sandboxes/" + sandbox + "/pause").status())
                    .isEqualTo(204);
        }
        assertThat(counts()).isEqualTo("{}");
        for (int i = 0; i < 15; i++) {
            server.create(BASE);
        }
        // Five places are left for twenty that are resumed, each by two at once.
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Integer>> resumed = new ArrayList<>();
            for (String sandbox : sandboxes) {
                for (int caller = 0; caller < 2; caller++) {
                    resumed.add(threads.submit(() -> server.call("POST", "/v2/sandboxes/" + sandbox + "/connect")
                            .status()));
                }
            }
            for (Future<Integer> status : resumed) {
                assertThat(status.get()).isIn(200, 201, 429);
            }
        }
        assertThat(server.call("GET", "/v2/sandboxes?state=running").header("X-Total-Running"))
                .isEqualTo("20");
        assertThat(counts()).contains(":20}");
        assertThat(createFrom("base").status()).isEqualTo(429);
    }

    @Test
    void aFailedResumeGivesItsRoomBack() throws Exception {
        String sandbox = server.create(BASE);
        server.call("POST", "/sandboxes/" + sandbox + "/pause");
        node.onMove = id -> {
            throw new NodeException(NodeException.Kind.UNAVAILABLE, "it broke");
        };
        assertThat(server.call("POST", "/v2/sandboxes/" + sandbox + "/connect").status())
                .isEqualTo(503);
        assertThat(counts()).isEqualTo("{}");
    }

    private String counts() throws Exception {
        return server.admin("GET", "/admin/sandboxes/running-counts", null).text();
    }
}
