package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.LogEntry.Level;
import dev.holt.nodeapi.MetricSample;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Logs, metrics, templates, nodes and the operator's routes. */
class OtherRoutesTest {
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

    private static List<String> messages(JsonNode entries) {
        return entries.valueStream().map(e -> e.path("message").asString()).toList();
    }

    @Test
    void healthAndContractNeedNoKey() throws Exception {
        assertThat(server.anonymous("GET", "/health", null).send().status()).isEqualTo(204);
        Reply contract = server.anonymous("GET", "/openapi.yml", null).send();
        assertThat(contract.header("Content-Type")).isEqualTo("application/yaml");
        assertThat(contract.text()).startsWith("openapi: 3.1.0");
    }

    @Test
    void logsGoBothWaysAndOutliveTheirSandbox() throws Exception {
        String id = server.create("{\"templateID\":\"base\"}");
        Instant start = Instant.parse("2026-01-01T00:00:00Z");
        List<Level> levels = List.of(Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR);
        for (int i = 0; i < 4; i++) {
            server.node.log(
                    id,
                    new LogEntry(
                            start.plusSeconds(i),
                            levels.get(i),
                            "line " + i,
                            Map.of("logger", "process", "pid", "" + i)));
        }
        long third = start.plusSeconds(2).toEpochMilli();
        String v2 = "/v2/sandboxes/" + id + "/logs";
        assertThat(messages(server.call("GET", v2).body().path("logs")))
                .containsExactly("line 3", "line 2", "line 1", "line 0");
        assertThat(messages(server.call("GET", v2 + "?direction=forward&limit=2")
                        .body()
                        .path("logs")))
                .containsExactly("line 0", "line 1");
        assertThat(messages(server.call("GET", v2 + "?limit=1").body().path("logs")))
                .containsExactly("line 3");
        assertThat(messages(server.call("GET", v2 + "?cursor=" + third).body().path("logs")))
                .containsExactly("line 2", "line 1", "line 0");
        assertThat(messages(server.call("GET", v2 + "?direction=forward&cursor=" + third)
                        .body()
                        .path("logs")))
                .containsExactly("line 2", "line 3");
        assertThat(messages(server.call("GET", v2 + "?level=warn").body().path("logs")))
                .containsExactly("line 3", "line 2");
        assertThat(messages(server.call("GET", v2 + "?search=e%201").body().path("logs")))
                .containsExactly("line 1");
        assertThat(server.call("GET", v2 + "?limit=0").text()).isEqualTo("{\"logs\":[]}");
        assertThat(server.call("GET", v2 + "?limit=1001").message()).startsWith("limit: must be at most 1000");
        assertThat(server.call("GET", v2 + "?level=loud").message()).startsWith("level: ");
        assertThat(server.call("GET", v2 + "?direction=up").message()).startsWith("direction: ");
        assertThat(server.call("GET", v2 + "?cursor=-1").message()).startsWith("cursor: ");
        assertThat(server.call("GET", v2 + "?search=" + "x".repeat(257)).message())
                .startsWith("search: ");

        server.call("DELETE", "/sandboxes/" + id);
        JsonNode first =
                server.call("GET", "/sandboxes/" + id + "/logs?start=" + third).body();
        assertThat(messages(first.path("logEntries"))).containsExactly("line 2", "line 3");
        assertThat(first.path("logs").get(0).path("timestamp").asString()).isEqualTo("2026-01-01T00:00:02Z");
        // The command line reads each line as JSON and needs these two.
        JsonNode line =
                TestServer.JSON.readTree(first.path("logs").get(0).path("line").asString());
        assertThat(line.path("level").asString()).isEqualTo("warn");
        assertThat(line.path("logger").asString()).isEqualTo("process");
        assertThat(line.path("message").asString()).isEqualTo("line 2");

        server.node.logs.clear();
        assertThat(server.call("GET", v2).status()).isEqualTo(404);
        assertThat(server.call("GET", v2).message()).contains("no longer kept");
    }

    @Test
    void metricsOfOneAndOfMany() throws Exception {
        String id = server.create("{\"templateID\":\"base\"}");
        String idle = server.create("{\"templateID\":\"base\"}");
        Instant now = Instant.now();
        server.node.sample(id, new MetricSample(now, 2, 12.5f, 10, 100, 5, 7, 70));
        JsonNode samples = server.call("GET", "/sandboxes/" + id + "/metrics").body();
        assertThat(samples.size()).isEqualTo(1);
        assertThat(samples.get(0).path("cpuUsedPct").asDouble()).isEqualTo(12.5);
        assertThat(samples.get(0).path("memUsed").asLong()).isEqualTo(10);
        assertThat(samples.get(0).path("memCache").asLong()).isEqualTo(5);
        assertThat(samples.get(0).path("timestampUnix").asLong()).isEqualTo(now.getEpochSecond());
        assertThat(server.call("GET", "/sandboxes/" + id + "/metrics?start=0&end=1")
                        .text())
                .isEqualTo("[]");
        assertThat(server.call("GET", "/sandboxes/" + id + "/metrics?start=2&end=1")
                        .message())
                .startsWith("end: ");
        assertThat(server.call("GET", "/sandboxes/" + id + "/metrics?start=x").message())
                .startsWith("start: ");

        JsonNode latest = server.call("GET", "/sandboxes/metrics?sandbox_ids=" + id + "," + idle + ",unknown")
                .body()
                .path("sandboxes");
        assertThat(latest.propertyNames()).containsExactly(id);
        assertThat(server.call("GET", "/sandboxes/metrics").message()).isEqualTo("sandbox_ids: missing");
        assertThat(server.call("GET", "/sandboxes/metrics?sandbox_ids=" + "a,".repeat(100) + "a")
                        .status())
                .isEqualTo(400);
    }

    @Test
    void teamMetricsFollowTheSandboxes() throws Exception {
        String team = server.control.defaultTeam().id();
        String first = server.create("{\"templateID\":\"base\"}");
        server.create("{\"templateID\":\"base\"}");
        server.call("DELETE", "/sandboxes/" + first);
        long now = Instant.now().getEpochSecond();
        Reply most = server.call(
                "GET",
                "/teams/" + team + "/metrics/max?metric=concurrent_sandboxes&start=" + (now - 60) + "&end="
                        + (now + 2));
        assertThat(most.body().path("value").asDouble()).isEqualTo(2);
        Reply fastest = server.call("GET", "/teams/" + team + "/metrics/max?metric=sandbox_start_rate");
        assertThat(fastest.body().path("value").asDouble()).isEqualTo(2 / 30.0);
        JsonNode points = server.call("GET", "/teams/" + team + "/metrics?start=" + (now - 3600) + "&end=" + (now + 2))
                .body();
        assertThat(points.size()).isBetween(100, 501);
        assertThat(points.get(0).path("concurrentSandboxes").asInt()).isZero();
        assertThat(server.call("GET", "/teams/" + team + "/metrics/max").message())
                .isEqualTo("metric: missing");
        assertThat(server.call("GET", "/teams/" + team + "/metrics/max?metric=x")
                        .message())
                .startsWith("metric: must be one of");
        assertThat(server.call("GET", "/teams/" + team + "/metrics?start=5&end=4")
                        .message())
                .startsWith("end: ");
        assertThat(server.call("GET", "/teams/" + team + "/metrics?start=0&end=" + now)
                        .message())
                .startsWith("start: must be at most 31 days");
        assertThat(server.call("GET", "/teams/00000000-0000-4000-8000-000000000000/metrics")
                        .status())
                .isEqualTo(403);
    }

    @Test
    void templates() throws Exception {
        server.create("{\"templateID\":\"base\"}");
        for (String path : new String[] {"/templates", "/v2/templates", "/default-templates"}) {
            JsonNode list = server.call("GET", path).body();
            assertThat(list.size()).as(path).isEqualTo(1);
            assertThat(list.get(0).path("templateID").asString()).isEqualTo("base");
            assertThat(list.get(0).path("buildID").asString()).isEqualTo(TestServer.BUILD.toString());
            assertThat(list.get(0).path("spawnCount").asInt()).isEqualTo(1);
            assertThat(list.get(0).path("lastSpawnedAt").isString()).isTrue();
            assertThat(list.get(0).path("public").asBoolean()).isTrue();
        }
        JsonNode one = server.call("GET", "/templates/base").body();
        assertThat(one.path("builds").size()).isEqualTo(1);
        assertThat(one.path("builds").get(0).path("status").asString()).isEqualTo("ready");
        assertThat(server.call("GET", "/templates/code-interpreter-v1")
                        .body()
                        .path("templateID")
                        .asString())
                .isEqualTo("base");
        assertThat(server.call("GET", "/templates/none").status()).isEqualTo(404);
        assertThat(server.call("GET", "/templates/aliases/code-interpreter-v1").text())
                .isEqualTo("{\"templateID\":\"base\",\"public\":true}");
        assertThat(server.call("GET", "/templates/aliases/none").status()).isEqualTo(404);
        assertThat(server.call("GET", "/templates/aliases/team%2Fbase%3Adefault")
                        .status())
                .isEqualTo(404);
        assertThat(server.call("GET", "/templates/aliases/a%20b").message()).startsWith("alias: ");
        assertThat(server.call("GET", "/templates?teamID=other").status()).isEqualTo(403);
        assertThat(server.call("GET", "/v2/templates?limit=0").message()).startsWith("limit: ");
    }

    @Test
    void nodesAndCounts() throws Exception {
        server.create("{\"templateID\":\"base\"}");
        JsonNode nodes = server.admin("GET", "/nodes", null).body();
        assertThat(nodes.size()).isEqualTo(1);
        JsonNode node = nodes.get(0);
        assertThat(node.path("id").asString()).isEqualTo("node-1");
        assertThat(node.path("sandboxCount").asInt()).isEqualTo(1);
        assertThat(node.path("createSuccesses").asInt()).isEqualTo(1);
        assertThat(node.path("version").asString()).isEqualTo("0.1.0");
        assertThat(node.path("commit").asString()).isEqualTo("abcdef");
        assertThat(node.path("metrics").path("allocatedCPU").asInt()).isEqualTo(2);
        assertThat(node.path("metrics").path("allocatedMemoryBytes").asLong()).isEqualTo(512L << 20);
        assertThat(node.path("metrics").path("memoryUsedBytes").asLong()).isPositive();
        assertThat(server.admin("GET", "/nodes/node-1", null).body().path("id").asString())
                .isEqualTo("node-1");
        assertThat(server.admin("GET", "/nodes/node-2", null).status()).isEqualTo(404);
        assertThat(server.admin("GET", "/nodes?clusterID=00000000-0000-4000-8000-000000000000", null)
                        .text())
                .isEqualTo("[]");
        assertThat(server.admin("GET", "/nodes?clusterID=x", null).message()).startsWith("clusterID: must be a uuid");
        String team = server.control.defaultTeam().id();
        assertThat(server.admin("GET", "/admin/sandboxes/running-counts", null).text())
                .isEqualTo("{\"" + team + "\":1}");
        assertThat(server.admin("POST", "/admin/teams/" + team + "/sandboxes/kill", null)
                        .text())
                .isEqualTo("{\"killedCount\":1,\"failedCount\":0}");
        assertThat(server.node.sandboxes).isEmpty();
        assertThat(server.admin("GET", "/admin/sandboxes/running-counts", null).text())
                .isEqualTo("{}");
        assertThat(server.admin("POST", "/admin/teams/00000000-0000-4000-8000-000000000000/sandboxes/kill", null)
                        .status())
                .isEqualTo(404);
    }
}
