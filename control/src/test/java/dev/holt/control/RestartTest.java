package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import dev.holt.control.access.TeamQuotas;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a start finds: its own database, another one's, none; a node that went on without it. */
class RestartTest {
    @TempDir
    Path directory;

    private final FakeNode node = new FakeNode();

    private TestServer open() throws Exception {
        return new TestServer(directory, node, TestServer.QUOTAS);
    }

    @Test
    void sandboxesAndTheDefaultKeySurvive() throws Exception {
        String key;
        String id;
        try (TestServer first = open()) {
            key = first.key;
            id = first.create("{\"templateID\":\"base\",\"metadata\":{\"a\":\"b\"}}");
        }
        try (TestServer second = open()) {
            assertThat(second.key).isEqualTo(key);
            Reply reply = second.call("GET", "/sandboxes/" + id);
            assertThat(reply.status()).isEqualTo(200);
            assertThat(reply.body().path("metadata").path("a").asString()).isEqualTo("b");
            assertThat(node.ended).isEmpty();
            // The adopted sandbox counts.
            assertThat(second.admin("GET", "/admin/sandboxes/running-counts", null)
                            .text())
                    .isEqualTo("{\"" + second.control.defaultTeam().id() + "\":1}");
        }
    }

    @Test
    void aRowWithoutASandboxEndsAndASandboxWithoutARowIsKilled() throws Exception {
        String lost;
        try (TestServer first = open()) {
            lost = first.create("{\"templateID\":\"base\"}");
        }
        node.sandboxes.remove(new SandboxId(lost));
        SandboxId orphan;
        try (TestServer elsewhere = new TestServer(directory.resolve("elsewhere"), node, TestServer.QUOTAS)) {
            orphan = new SandboxId(elsewhere.create("{\"templateID\":\"base\"}"));
        }
        try (TestServer second = open()) {
            assertThat(node.ended).containsEntry(orphan, EndReason.ORPHANED);
            assertThat(second.call("GET", "/v2/sandboxes").body().size()).isZero();
            assertThat(second.admin("GET", "/admin/sandboxes/running-counts", null)
                            .text())
                    .isEqualTo("{}");
        }
        assertThat(column("end_reason", lost)).isEqualTo("unobserved");
    }

    @Test
    void reportedEndsAreRecordedWithTheirReason() throws Exception {
        String killed;
        String expired;
        try (TestServer first = open()) {
            killed = first.create("{\"templateID\":\"base\"}");
            expired = first.create("{\"templateID\":\"base\"}");
            first.call("DELETE", "/sandboxes/" + killed);
            node.kill(new SandboxId(expired), EndReason.TIMEOUT);
        }
        assertThat(column("end_reason", killed)).isEqualTo("killed");
        assertThat(column("end_reason", expired)).isEqualTo("timeout");
        assertThat(column("state", expired)).isEqualTo("ended");
        assertThat(Instant.ofEpochMilli(Long.parseLong(column("ended_at", expired))))
                .isBetween(Instant.now().minus(Duration.ofMinutes(1)), Instant.now());
    }

    @Test
    void anEndThatComesBeforeTheRowIsNotLost() throws Exception {
        try (TestServer first = open()) {
            // It dies between the node's answer and the commit.
            node.afterCreate = sandbox -> node.kill(sandbox.id(), EndReason.CRASHED);
            Reply reply = first.call("POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
            String id = reply.body().path("sandboxID").asString();
            assertThat(first.call("GET", "/sandboxes/" + id).status()).isEqualTo(404);
            assertThat(first.admin("GET", "/admin/sandboxes/running-counts", null)
                            .text())
                    .isEqualTo("{}");
            assertThat(column("state", id)).isEqualTo("ended");
        }
    }

    @Test
    void rowsFollowStates() throws Exception {
        String id;
        String early;
        try (TestServer first = open()) {
            id = first.create("{\"templateID\":\"base\"}");
            first.call("POST", "/sandboxes/" + id + "/pause", "{\"memory\":false}");
            // It is paused between the node's answer and the commit.
            node.afterCreate = sandbox -> node.pause(sandbox.id(), true);
            early = first.create("{\"templateID\":\"base\",\"autoPause\":true,\"timeout\":0}");
        }
        assertThat(column("state", id)).isEqualTo("paused");
        assertThat(column("memory_kept", id)).isEqualTo("none");
        assertThat(column("state", early)).isEqualTo("paused");
        assertThat(column("auto_pause", early)).isEqualTo("1");
        // What changes while nobody listens is found by the next start.
        node.put(new SandboxId(id), SandboxState.LOST, Optional.empty(), Optional.of("gone"));
        try (TestServer second = open()) {
            assertThat(second.admin("GET", "/admin/sandboxes/running-counts", null)
                            .text())
                    .isEqualTo("{}");
        }
        assertThat(column("state", id)).isEqualTo("lost");
        assertThat(column("problem", id)).isEqualTo("gone");
    }

    @Test
    void aResumeStartsTheLifetimeAnew() throws Exception {
        TeamQuotas quotas = new TeamQuotas(20, 40, 40_960, Duration.ofSeconds(100));
        String id;
        try (TestServer first = new TestServer(directory, node, quotas)) {
            id = first.create("{\"templateID\":\"base\",\"timeout\":50}");
            first.call("POST", "/sandboxes/" + id + "/pause");
            first.call("POST", "/v2/sandboxes/" + id + "/connect", "{\"timeout\":60}");
        }
        // A start that is long ago, with a pause since.
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("holt.db"))) {
            connection
                    .createStatement()
                    .execute("update sandbox_pauses set resumed_at = resumed_at + 50000 where sandbox_id = '" + id
                            + "'");
        }
        try (TestServer second = new TestServer(directory, node, quotas)) {
            second.call("POST", "/sandboxes/" + id + "/timeout", "{\"timeout\":100}");
            SandboxStatus sandbox = node.find(new SandboxId(id)).orElseThrow();
            assertThat(sandbox.deadline()).isAfter(sandbox.startedAt().plusSeconds(100));
        }
    }

    @Test
    void aSandboxThatCannotBeRecordedIsKilled() throws Exception {
        try (TestServer first = open()) {
            try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("holt.db"))) {
                connection.createStatement().execute("drop table sandboxes");
            }
            Reply reply = first.call("POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
            assertThat(reply.status()).isEqualTo(500);
            assertThat(node.sandboxes).isEmpty();
            assertThat(node.ended.values()).containsExactly(EndReason.ORPHANED);
            assertThat(first.admin("GET", "/admin/sandboxes/running-counts", null)
                            .text())
                    .isEqualTo("{}");
        }
    }

    @Test
    void theKeyFileIsTheOperatorsButARevokedKeyStaysRevoked() throws Exception {
        Path file = directory.resolve("api-key");
        String chosen = "e2b_" + "ab".repeat(20);
        Files.writeString(file, chosen + "\n");
        try (TestServer first = open()) {
            assertThat(first.key).isEqualTo(chosen);
            String id = first.call("GET", "/api-keys").body().get(0).path("id").asString();
            assertThat(first.call("DELETE", "/api-keys/" + id).status()).isEqualTo(204);
            assertThat(first.call("GET", "/api-keys").status()).isEqualTo(401);
        }
        String replaced;
        try (TestServer second = open()) {
            replaced = second.key;
            assertThat(replaced).isNotEqualTo(chosen);
            assertThat(second.call("GET", "/api-keys").status()).isEqualTo(200);
        }
        Files.delete(file);
        try (TestServer third = open()) {
            assertThat(third.key).isNotEqualTo(replaced);
            // Clients that hold the old one still work.
            assertThat(third.anonymous("GET", "/v2/sandboxes", null)
                            .header("X-API-Key", replaced)
                            .send()
                            .status())
                    .isEqualTo(200);
        }
    }

    @Test
    void migrationsHaveRunOnceAndKeepData() throws Exception {
        open().close();
        open().close();
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("holt.db"));
                ResultSet rows = connection
                        .createStatement()
                        .executeQuery("select version, success from flyway_schema_history order by installed_rank")) {
            assertThat(rows.next()).isTrue();
            assertThat(rows.getString("version")).isEqualTo("1");
            assertThat(rows.getBoolean("success")).isTrue();
            assertThat(rows.next()).isTrue();
            assertThat(rows.getString("version")).isEqualTo("2");
            assertThat(rows.getBoolean("success")).isTrue();
            assertThat(rows.next()).isFalse();
        }
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("holt.db"));
                ResultSet rows = connection.createStatement().executeQuery("select count(*) from teams")) {
            assertThat(rows.getInt(1)).isEqualTo(1);
        }
    }

    private String column(String name, String id) throws Exception {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("holt.db"));
                ResultSet rows = connection
                        .createStatement()
                        .executeQuery("select " + name + " from sandboxes where id = '" + id + "'")) {
            assertThat(rows.next()).isTrue();
            return rows.getString(1);
        }
    }
}
