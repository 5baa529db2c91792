package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import dev.holt.control.access.TeamQuotas;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** Pause, resume, connect, rollback, recover, events: statuses, answers and what the node is asked. */
class StateTest {
    private static final String BASE = "{\"templateID\":\"base\"}";

    @TempDir
    Path directory;

    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        server = new TestServer(directory);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private SandboxStatus onNode(String id) {
        return server.node.find(new SandboxId(id)).orElseThrow();
    }

    private Reply post(String id, String what, String body) throws Exception {
        return server.call("POST", "/sandboxes/" + id + "/" + what, body);
    }

    private void lose(String id) {
        server.node.put(new SandboxId(id), SandboxState.LOST, Optional.empty(), Optional.of("the host restarted"));
    }

    @Test
    void pausedOnceAndOnceOnly() throws Exception {
        String id = server.create(BASE);
        assertThat(post(id, "pause", "").status()).isEqualTo(204);
        assertThat(server.node.moves).containsExactly("pause true");
        Reply again = post(id, "pause", "{\"memory\":false,\"requireHealthyGuest\":true}");
        assertThat(again.status()).isEqualTo(409);
        assertThat(again.message()).contains(id).contains("paused");
        JsonNode detail = server.call("GET", "/sandboxes/" + id).body();
        assertThat(detail.path("state").asString()).isEqualTo("paused");
        assertThat(detail.path("pauseMode").asString()).isEqualTo("full");
        assertThat(detail.path("holt").path("memory").asString()).isEqualTo("disk");
        assertThat(detail.path("endAt").asString())
                .isEqualTo(detail.path("holt").path("pausedAt").asString());
    }

    @Test
    void connectResumesAndSaysHow() throws Exception {
        String id = server.create(BASE);
        post(id, "pause", "{\"memory\":false}");
        assertThat(server.call("GET", "/sandboxes/" + id)
                        .body()
                        .path("pauseMode")
                        .asString())
                .isEqualTo("filesystem");
        Reply resumed = server.call("POST", "/v2/sandboxes/" + id + "/connect");
        assertThat(resumed.status()).isEqualTo(201);
        assertThat(resumed.body().path("holt").path("way").asString()).isEqualTo("booted");
        assertThat(resumed.body().path("envdAccessToken").asString())
                .isEqualTo(onNode(id).accessToken().orElseThrow());
        Reply ran = server.call("POST", "/v2/sandboxes/" + id + "/connect", "{\"memory\":false}");
        assertThat(ran.status()).isEqualTo(200);
        assertThat(ran.body().path("holt").path("way").asString()).isEqualTo("ran");
        post(id, "pause", "");
        assertThat(post(id, "connect", "{\"timeout\":60,\"memory\":false}").status())
                .isEqualTo(201);
        assertThat(server.node.moves.getLast()).isEqualTo("resume 60 false");
        post(id, "pause", "");
        server.node.fallback = Optional.of("memory/pages.img is damaged");
        Reply fallen = post(id, "connect", "{\"timeout\":60}");
        assertThat(fallen.body().path("holt").path("fallback").asString()).isEqualTo("memory/pages.img is damaged");
    }

    @Test
    void resumeIsForPausedOnesOnly() throws Exception {
        String id = server.create("{\"templateID\":\"base\",\"autoPause\":true}");
        assertThat(post(id, "resume", "{}").status()).isEqualTo(409);
        post(id, "pause", "");
        Reply other = post(id, "resume", "{\"autoPause\":false}");
        assertThat(other.status()).isEqualTo(400);
        assertThat(other.message()).startsWith("autoPause: ");
        assertThat(post(id, "resume", "{\"timeout\":70,\"autoPause\":true}").status())
                .isEqualTo(201);
        assertThat(server.node.moves.getLast()).isEqualTo("resume 70 true");
        post(id, "pause", "");
        assertThat(post(id, "resume", "").status()).isEqualTo(201);
        assertThat(server.node.moves.getLast()).isEqualTo("resume 15 true");
        post(id, "pause", "");
        assertThat(post(id, "resume", "{\"timeout\":3601}").status()).isEqualTo(400);
    }

    @ParameterizedTest
    @CsvSource({
        "pause, ''",
        "resume, {}",
        "fork, ''",
        "rollback, '{\"snapshotID\":\"x\"}'",
        "recover, ''",
        "snapshots, {}"
    })
    void unknownSandboxesAreNotFound(String what, String body) throws Exception {
        for (String id : List.of("a" + "b".repeat(19), "short")) {
            Reply reply = post(id, what, body);
            assertThat(reply.status()).isEqualTo(404);
            assertThat(reply.message()).contains(id);
        }
        assertThat(server.call("GET", "/sandboxes/short/events").status()).isEqualTo(404);
        // Another team's are as if they were not there.
        String id = server.create(BASE);
        TeamQuotas quotas = TestServer.QUOTAS;
        String stranger = server.control.createApiKey(server.control.createTeam("other", "Other", quotas), "k");
        assertThat(server.anonymous("POST", "/sandboxes/" + id + "/" + what, body)
                        .header("X-API-Key", stranger)
                        .send()
                        .status())
                .isEqualTo(404);
    }

    @ParameterizedTest
    @CsvSource({
        "pause, '', sandbox_pause_failed",
        "resume, {}, sandbox_resume_failed",
        "fork, '', sandbox_fork_failed",
        "snapshots, {}, sandbox_snapshot_failed"
    })
    void whatTheNodeCanNotDoIsTold(String what, String body, String code) throws Exception {
        String id = server.create(BASE);
        if (what.equals("resume")) {
            post(id, "pause", "");
        }
        server.node.onMove = sandbox -> {
            throw new NodeException(NodeException.Kind.UNAVAILABLE, "the disk is full");
        };
        Reply reply = post(id, what, body);
        assertThat(reply.status()).isEqualTo(503);
        assertThat(reply.message()).isEqualTo("the disk is full");
        assertThat(reply.body().path("error_code").asString()).isEqualTo(code);
        assertThat(reply.header("Retry-After")).isEqualTo("1");
    }

    @Test
    void whatRestsHasNoEndToMove() throws Exception {
        String id = server.create(BASE);
        post(id, "pause", "");
        for (String what : List.of("timeout", "refreshes")) {
            Reply reply = post(id, what, "{\"timeout\":5}");
            assertThat(reply.status()).isEqualTo(404);
            assertThat(reply.message()).contains("paused").contains("connect");
        }
        server.node.put(new SandboxId(id), SandboxState.RESUMING);
        assertThat(post(id, "timeout", "{\"timeout\":5}").status()).isEqualTo(409);
    }

    @Test
    void lifecyclesReachTheNodeAndComeBack() throws Exception {
        String id = server.create("{\"templateID\":\"base\",\"timeout\":0,\"autoPause\":true,"
                + "\"autoResume\":{\"enabled\":true},\"memory\":false}");
        CreateSandbox request = server.node.requests.getLast();
        assertThat(request.lifecycle())
                .isEqualTo(new Lifecycle(Lifecycle.OnTimeout.PAUSE, true, true, Duration.ofSeconds(1)));
        assertThat(request.deadline()).isBeforeOrEqualTo(Instant.now());
        assertThat(request.useMemory()).isFalse();
        JsonNode lifecycle = server.call("GET", "/sandboxes/" + id).body().path("lifecycle");
        assertThat(lifecycle.path("autoResume").asBoolean()).isTrue();
        assertThat(lifecycle.path("onTimeout").asString()).isEqualTo("pause");
        server.create("{\"templateID\":\"base\",\"timeout\":60,\"autoPause\":true,\"autoPauseMemory\":false}");
        assertThat(server.node.requests.getLast().lifecycle())
                .isEqualTo(new Lifecycle(Lifecycle.OnTimeout.PAUSE, false, false, Duration.ofSeconds(60)));
        // A new timeout is what a resume by traffic gives from then on.
        server.call("POST", "/sandboxes/" + id + "/timeout", "{\"timeout\":77}");
        assertThat(onNode(id).lifecycle().timeout()).isEqualTo(Duration.ofSeconds(77));
    }

    @Test
    void listsTellStates() throws Exception {
        String running = server.create(BASE);
        String paused = server.create(BASE);
        String lost = server.create(BASE);
        String pausing = server.create(BASE);
        post(paused, "pause", "");
        lose(lost);
        server.node.put(new SandboxId(pausing), SandboxState.PAUSING);
        Reply all = server.call("GET", "/v2/sandboxes?order=asc");
        assertThat(ids(all)).containsExactly(running, paused, lost, pausing);
        assertThat(all.header("X-Total-Running")).isEqualTo("1");
        assertThat(all.body()
                        .valueStream()
                        .map(s -> s.path("holt").path("state").asString()))
                .containsExactly("running", "paused", "lost", "pausing");
        assertThat(all.body().get(2).path("holt").path("problem").asString()).isEqualTo("the host restarted");
        assertThat(ids(server.call("GET", "/v2/sandboxes?state=running"))).containsExactly(running);
        Reply rest = server.call("GET", "/v2/sandboxes?state=paused&order=asc");
        assertThat(ids(rest)).containsExactly(paused, lost, pausing);
        assertThat(rest.headers().firstValue("X-Total-Running")).isEmpty();
        assertThat(ids(server.call("GET", "/sandboxes"))).containsExactly(running);
        assertThat(server.call("DELETE", "/sandboxes/" + paused).status()).isEqualTo(204);
    }

    private static List<String> ids(Reply reply) {
        return reply.body()
                .valueStream()
                .map(sandbox -> sandbox.path("sandboxID").asString())
                .toList();
    }

    @Test
    void lostOnesAreRecovered() throws Exception {
        String id = server.create(BASE);
        assertThat(post(id, "recover", "").status()).isEqualTo(409);
        lose(id);
        assertThat(server.call("POST", "/v2/sandboxes/" + id + "/connect").status())
                .isEqualTo(409);
        Reply recovered = post(id, "recover", "");
        assertThat(recovered.status()).isEqualTo(200);
        assertThat(recovered.body().path("holt").path("way").asString()).isEqualTo("booted");
        assertThat(recovered.body().path("holt").path("fallback").asString()).isEqualTo("no memory is left");
    }

    @Test
    void rollsBackToItsOwnSnapshotsOnly() throws Exception {
        String id = server.create(BASE);
        String other = server.create(BASE);
        String snapshot = post(id, "snapshots", "{\"name\":\"good\"}")
                .body()
                .path("snapshotID")
                .asString();
        Reply done = post(id, "rollback", "{\"snapshotID\":\"" + snapshot + "\"}");
        assertThat(done.status()).isEqualTo(200);
        assertThat(done.body().path("holt").path("way").asString()).isEqualTo("restored");
        assertThat(server.node.moves.getLast())
                .isEqualTo("rollback " + server.node.builds.getFirst().buildId());
        assertThat(post(other, "rollback", "{\"snapshotID\":\"good\"}").status())
                .isEqualTo(400);
        assertThat(post(id, "rollback", "{\"snapshotID\":\"base\"}").message()).startsWith("snapshotID: ");
        assertThat(post(id, "rollback", "{\"snapshotID\":\"none\"}").status()).isEqualTo(404);
        assertThat(post(id, "rollback", "{}").message()).isEqualTo("snapshotID: missing");
        server.node.builds.clear();
        Reply gone = post(id, "rollback", "{\"snapshotID\":\"good\"}");
        assertThat(gone.status()).isEqualTo(404);
        assertThat(gone.message()).contains("no build");
    }

    @Test
    void eventsArePagedAndOutliveTheSandbox() throws Exception {
        String id = server.create(BASE);
        Instant time = Instant.parse("2026-01-01T00:00:00Z");
        List<SandboxEvent> events = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            // Two at a time.
            events.add(new SandboxEvent(
                    time.plusSeconds(i / 2), SandboxEvent.Type.PAUSED, "event " + i, Map.of("cause", "timeout")));
        }
        server.node.events.put(new SandboxId(id), events);
        Reply first = server.call("GET", "/sandboxes/" + id + "/events?limit=3");
        assertThat(messages(first)).containsExactly("event 0", "event 1", "event 2");
        server.node.kill(new SandboxId(id), EndReason.KILLED);
        Reply second =
                server.call("GET", "/sandboxes/" + id + "/events?limit=3&nextToken=" + first.header("X-Next-Token"));
        assertThat(messages(second)).containsExactly("event 3", "event 4");
        assertThat(second.headers().firstValue("X-Next-Token")).isEmpty();
        JsonNode event = second.body().get(0);
        assertThat(event.path("type").asString()).isEqualTo("paused");
        assertThat(event.path("fields").path("cause").asString()).isEqualTo("timeout");
        assertThat(messages(server.call("GET", "/sandboxes/" + id + "/events?order=desc&limit=1")))
                .containsExactly("event 4");
        server.node.events.clear();
        assertThat(server.call("GET", "/sandboxes/" + id + "/events").message()).contains("no longer kept");
    }

    private static List<String> messages(Reply reply) {
        assertThat(reply.status()).as(reply.text()).isEqualTo(200);
        return reply.body()
                .valueStream()
                .map(event -> event.path("message").asString())
                .toList();
    }
}
