package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class SandboxRoutesTest {
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

    private SandboxStatus onNode(String id) {
        return server.node.find(new SandboxId(id)).orElseThrow();
    }

    private static Duration left(SandboxStatus sandbox) {
        return Duration.between(Instant.now(), sandbox.deadline());
    }

    @Test
    void firstVersionIsInsecureAndShortUnlessAsked() throws Exception {
        Reply reply = server.call("POST", "/sandboxes", "{\"templateID\":\"base\"}");
        assertThat(reply.status()).isEqualTo(201);
        JsonNode body = reply.body();
        assertThat(body.has("envdAccessToken")).isFalse();
        assertThat(body.has("trafficAccessToken")).isFalse();
        assertThat(body.path("envdVersion").asString()).isEqualTo("0.6.13");
        assertThat(body.path("domain").asString()).isEqualTo("localhost:3000");
        assertThat(body.path("alias").asString()).isEqualTo("code-interpreter-v1");
        assertThat(left(onNode(body.path("sandboxID").asString())))
                .isBetween(Duration.ofSeconds(5), Duration.ofSeconds(15));
        Reply secure = server.call("POST", "/sandboxes", "{\"templateID\":\"base\",\"secure\":true,\"timeout\":60}");
        assertThat(secure.body().path("envdAccessToken").asString()).hasSize(64);
    }

    @Test
    void secondVersionIsSecureAndLivesFiveMinutes() throws Exception {
        Reply reply = server.call("POST", "/v2/sandboxes", """
                {"templateID":"code-interpreter-v1","metadata":{},"envVars":{"A":"b"},"autoPause":false,"autoPauseMemory":true,
                 "autoResume":{"enabled":false},"volumeMounts":[],"mcp":null,"iam":{},"unknown":{"x":[1]},
                 "allow_internet_access":false,
                 "network":{"allowOut":["8.8.8.8","10.1.2.3/16"],"denyOut":["0.0.0.0/0"],"allowPublicTraffic":false,
                            "egressProxy":null,"rules":{},"dnsServers":[],"httpsPorts":[],"maskRequestHost":"localhost:${PORT}"}}
                """);
        assertThat(reply.status()).as(reply.text()).isEqualTo(201);
        SandboxStatus sandbox = onNode(reply.body().path("sandboxID").asString());
        assertThat(left(sandbox)).isBetween(Duration.ofSeconds(280), Duration.ofSeconds(300));
        assertThat(sandbox.template().value()).isEqualTo("base");
        assertThat(sandbox.accessToken())
                .hasValue(reply.body().path("envdAccessToken").asString());
        assertThat(sandbox.network().trafficAccessToken())
                .hasValue(reply.body().path("trafficAccessToken").asString());
        assertThat(sandbox.network().allowInternet()).isFalse();
        assertThat(sandbox.network().allowOut()).containsExactly("8.8.8.8/32", "10.1.0.0/16");
        assertThat(sandbox.network().denyOut()).containsExactly("0.0.0.0/0");
        assertThat(sandbox.network().maskRequestHost()).hasValue("localhost:${PORT}");
        assertThat(server.node.requests.getLast().environment()).containsEntry("A", "b");
    }

    @Test
    void templateNamesMayCarryATagAndCapitals() throws Exception {
        assertThat(server.call("POST", "/v2/sandboxes", "{\"templateID\":\"Base:default\"}")
                        .status())
                .isEqualTo(201);
        assertThat(server.call("POST", "/v2/sandboxes", "{\"templateID\":\"base:v7\"}")
                        .message())
                .contains("no tag 'v7'");
        assertThat(server.call("POST", "/v2/sandboxes", "{\"templateID\":\"none\"}")
                        .status())
                .isEqualTo(404);
        assertThat(server.call("POST", "/v2/sandboxes", "{\"templateID\":\"a b\"}")
                        .message())
                .startsWith("templateID: ");
    }

    @Test
    void isolationIsInTheMetadataAndCanBeDemanded() throws Exception {
        String id = server.create("{\"templateID\":\"base\",\"metadata\":{\"holt.isolation\":\"gvisor\",\"a\":\"b\"}}");
        assertThat(server.node.requests.getLast().weakestIsolation()).isEqualTo(Isolation.GVISOR);
        JsonNode metadata = server.call("GET", "/sandboxes/" + id).body().path("metadata");
        assertThat(metadata.path("isolation").asString()).isEqualTo("gvisor");
        assertThat(metadata.path("a").asString()).isEqualTo("b");
        Reply unknown = server.call(
                "POST", "/v2/sandboxes", "{\"templateID\":\"base\",\"metadata\":{\"holt.isolation\":\"steel\"}}");
        assertThat(unknown.status()).isEqualTo(400);
        assertThat(unknown.message()).startsWith("metadata.holt.isolation: ").contains("steel");
        Reply taken =
                server.call("POST", "/v2/sandboxes", "{\"templateID\":\"base\",\"metadata\":{\"isolation\":\"x\"}}");
        assertThat(taken.status()).isEqualTo(400);
        assertThat(taken.message()).contains("holt.isolation");
    }

    @Test
    void detailTellsWhatTheNodeTells() throws Exception {
        String id = server.create("{\"templateID\":\"base\",\"timeout\":100,\"allow_internet_access\":true}");
        JsonNode body = server.call("GET", "/sandboxes/" + id).body();
        assertThat(body.path("sandboxID").asString()).isEqualTo(id);
        assertThat(body.path("cpuCount").asInt()).isEqualTo(2);
        assertThat(body.path("memoryMB").asInt()).isEqualTo(512);
        assertThat(body.path("diskSizeMB").asInt()).isEqualTo(1024);
        assertThat(body.path("state").asString()).isEqualTo("running");
        assertThat(body.path("allowInternetAccess").asBoolean()).isTrue();
        assertThat(body.path("lifecycle").path("onTimeout").asString()).isEqualTo("kill");
        assertThat(body.path("network").path("allowPublicTraffic").asBoolean()).isTrue();
        assertThat(Instant.parse(body.path("endAt").asString()))
                .isEqualTo(onNode(id).deadline().truncatedTo(ChronoUnit.MILLIS));
        // As older SDKs write ids.
        assertThat(server.call("GET", "/sandboxes/" + id + "-holt").status()).isEqualTo(200);
    }

    @Test
    void unknownSandboxesAreNotFoundAndNonsenseIsBad() throws Exception {
        String unknown = "a" + "b".repeat(19);
        for (String[] route : new String[][] {
            {"GET", "/sandboxes/%s", ""},
            {"DELETE", "/sandboxes/%s", ""},
            {"POST", "/sandboxes/%s/timeout", "{\"timeout\":5}"},
            {"POST", "/sandboxes/%s/refreshes", "{}"},
            {"POST", "/sandboxes/%s/connect", "{\"timeout\":5}"},
            {"POST", "/v2/sandboxes/%s/connect", ""},
            {"GET", "/sandboxes/%s/logs", ""},
            {"GET", "/v2/sandboxes/%s/logs", ""},
            {"GET", "/sandboxes/%s/metrics", ""}
        }) {
            for (String id : List.of(unknown, "short")) {
                Reply reply = server.call(route[0], route[1].formatted(id), route[2]);
                assertThat(reply.status()).as(route[1]).isEqualTo(404);
                assertThat(reply.body().path("code").asInt()).isEqualTo(404);
                assertThat(reply.message()).contains(id);
            }
            assertThat(server.call(route[0], route[1].formatted("No%20Id"), route[2])
                            .status())
                    .as(route[1])
                    .isEqualTo(400);
        }
    }

    @Test
    void killedSandboxesAreGone() throws Exception {
        String id = server.create("{\"templateID\":\"base\"}");
        assertThat(server.call("DELETE", "/sandboxes/" + id).status()).isEqualTo(204);
        assertThat(server.node.ended).containsEntry(new SandboxId(id), EndReason.KILLED);
        assertThat(server.call("DELETE", "/sandboxes/" + id).status()).isEqualTo(404);
        assertThat(server.call("GET", "/sandboxes/" + id).status()).isEqualTo(404);
        assertThat(server.call("POST", "/v2/sandboxes/" + id + "/connect", "{}").status())
                .isEqualTo(404);
    }

    @Test
    void timeoutMovesTheEndBothWays() throws Exception {
        String id = server.create("{\"templateID\":\"base\",\"timeout\":600}");
        assertThat(server.call("POST", "/sandboxes/" + id + "/timeout", "{\"timeout\":30}")
                        .status())
                .isEqualTo(204);
        assertThat(left(onNode(id))).isLessThanOrEqualTo(Duration.ofSeconds(30));
        server.call("POST", "/sandboxes/" + id + "/timeout", "{\"timeout\":900}");
        assertThat(left(onNode(id))).isGreaterThan(Duration.ofSeconds(800));
        server.call("POST", "/sandboxes/" + id + "/timeout", "{\"timeout\":0}");
        assertThat(left(onNode(id))).isLessThanOrEqualTo(Duration.ZERO);
        Reply beyond = server.call("POST", "/sandboxes/" + id + "/timeout", "{\"timeout\":3601}");
        assertThat(beyond.status()).isEqualTo(400);
        assertThat(beyond.message()).startsWith("timeout: ").contains("3600");
    }

    @Test
    void refreshAndConnectOnlyExtend() throws Exception {
        String id = server.create("{\"templateID\":\"base\",\"timeout\":600}");
        Instant end = onNode(id).deadline();
        assertThat(server.call("POST", "/sandboxes/" + id + "/refreshes").status())
                .isEqualTo(204);
        assertThat(server.call("POST", "/sandboxes/" + id + "/refreshes", "{\"duration\":60}")
                        .status())
                .isEqualTo(204);
        assertThat(onNode(id).deadline()).isEqualTo(end);
        server.call("POST", "/sandboxes/" + id + "/refreshes", "{\"duration\":3600}");
        assertThat(onNode(id).deadline()).isAfter(end);
        // Never beyond the team's quota, counted from the start.
        assertThat(onNode(id).deadline()).isEqualTo(onNode(id).startedAt().plus(TestServer.QUOTAS.lifetime()));

        String other = server.create("{\"templateID\":\"base\",\"timeout\":20}");
        Reply connected = server.call("POST", "/v2/sandboxes/" + other + "/connect");
        assertThat(connected.status()).isEqualTo(200);
        assertThat(connected.body().path("envdAccessToken").asString())
                .isEqualTo(onNode(other).accessToken().orElseThrow());
        assertThat(left(onNode(other))).isGreaterThan(Duration.ofSeconds(280));
        Instant extended = onNode(other).deadline();
        server.call("POST", "/sandboxes/" + other + "/connect", "{\"timeout\":1}");
        assertThat(onNode(other).deadline()).isEqualTo(extended);
        assertThat(server.call("POST", "/sandboxes/" + other + "/connect", "{}").message())
                .isEqualTo("timeout: missing");
        assertThat(server.call("POST", "/v2/sandboxes/" + other + "/connect", "{\"timeout\":3601}")
                        .status())
                .isEqualTo(400);
    }

    @Test
    void listsFilterOrderAndPage() throws Exception {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            ids.add(server.create(
                    "{\"templateID\":\"base\",\"metadata\":{\"n\":\"%d\",\"x\":\"a&b +%%\"}}".formatted(i)));
        }
        Reply all = server.call("GET", "/v2/sandboxes");
        assertThat(ids(all)).containsExactlyElementsOf(ids.reversed());
        assertThat(all.header("X-Total-Running")).isEqualTo("5");
        assertThat(all.headers().firstValue("X-Next-Token")).isEmpty();
        assertThat(ids(server.call("GET", "/v2/sandboxes?order=asc"))).containsExactlyElementsOf(ids);
        assertThat(ids(server.call("GET", "/sandboxes"))).containsExactlyElementsOf(ids.reversed());

        Reply first = server.call("GET", "/v2/sandboxes?order=asc&limit=2");
        Reply second = server.call("GET", "/v2/sandboxes?order=asc&limit=2&nextToken=" + first.header("X-Next-Token"));
        server.call("DELETE", "/sandboxes/" + ids.get(3));
        Reply third = server.call("GET", "/v2/sandboxes?order=asc&limit=2&nextToken=" + second.header("X-Next-Token"));
        assertThat(ids(first)).containsExactlyElementsOf(ids.subList(0, 2));
        assertThat(first.header("X-Total-Running")).isEqualTo("5");
        assertThat(ids(second)).containsExactlyElementsOf(ids.subList(2, 4));
        assertThat(ids(third)).containsExactly(ids.get(4));
        assertThat(third.headers().firstValue("X-Next-Token")).isEmpty();

        assertThat(ids(server.call("GET", "/v2/sandboxes?metadata=n%3D2"))).containsExactly(ids.get(2));
        // Twice encoded, as SDKs do.
        assertThat(ids(server.call("GET", "/v2/sandboxes?metadata=x%3Da%252526b%252520%25252B%252525%26n%3D1")))
                .containsExactly(ids.get(1));
        assertThat(ids(server.call("GET", "/sandboxes?metadata=isolation%3Dgvisor%26n%3D0")))
                .containsExactly(ids.get(0));
        assertThat(ids(server.call("GET", "/v2/sandboxes?template=code-interpreter-v1")))
                .hasSize(4);
        assertThat(ids(server.call("GET", "/v2/sandboxes?template=other"))).isEmpty();
        Reply paused = server.call("GET", "/v2/sandboxes?state=paused");
        assertThat(ids(paused)).isEmpty();
        assertThat(paused.headers().firstValue("X-Total-Running")).isEmpty();
        assertThat(ids(server.call("GET", "/v2/sandboxes?state=running,paused")))
                .hasSize(4);
        assertThat(ids(server.call("GET", "/v2/sandboxes?state=running&state=paused")))
                .hasSize(4);
        String middle = onNode(ids.get(2)).startedAt().toString();
        assertThat(ids(server.call("GET", "/v2/sandboxes?order=asc&startedAfter=" + middle)))
                .containsExactly(ids.get(2), ids.get(4));
    }

    private static List<String> ids(Reply reply) {
        assertThat(reply.status()).as(reply.text()).isEqualTo(200);
        return reply.body()
                .valueStream()
                .map(sandbox -> sandbox.path("sandboxID").asString())
                .toList();
    }

    @Test
    void badListParametersAreNamed() throws Exception {
        for (String[] query : new String[][] {
            {"limit=0", "limit"},
            {"limit=101", "limit"},
            {"limit=ten", "limit"},
            {"limit=1&limit=2", "limit"},
            {"order=up", "order"},
            {"state=asleep", "state"},
            {"startedAfter=yesterday", "startedAfter"},
            {"startedAfter=2026-01-01", "startedAfter"},
            {"nextToken=abc", "nextToken"},
            {"nextToken=%21", "nextToken"},
            {"metadata=x", "metadata"},
            {"metadata=%3Dx", "metadata"},
            {"template=a%20b", "template"}
        }) {
            Reply reply = server.call("GET", "/v2/sandboxes?" + query[0]);
            assertThat(reply.status()).as(query[0] + reply.text()).isEqualTo(400);
            assertThat(reply.message()).as(query[0]).startsWith(query[1]);
        }
    }
}
