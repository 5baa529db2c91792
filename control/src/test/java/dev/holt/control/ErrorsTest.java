package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import dev.holt.nodeapi.NodeException;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Every way in which a request can be wrong is answered with the status and the name of what is wrong. */
class ErrorsTest {
    @TempDir
    static Path directory;

    private static TestServer server;

    @BeforeAll
    static void start() throws Exception {
        server = new TestServer(directory);
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
    }

    @AfterEach
    void calm() {
        server.node.onCreate = request -> {};
        server.node.capacity = 10_000;
    }

    private static void assertError(Reply reply, int status, String message) {
        assertThat(reply.status()).as(reply.text()).isEqualTo(status);
        assertThat(reply.header("Content-Type")).isEqualTo("application/json");
        assertThat(reply.body().path("code").asInt()).isEqualTo(status);
        assertThat(reply.message()).contains(message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "[]                                                          | body: object expected",
                "7                                                           | body: object expected, got 7",
                "{}                                                          | templateID: missing",
                "{\"templateID\":7}                                          | templateID: string expected, got 7",
                "{\"templateID\":\"\"}                                       | templateID: must have at least 1",
                "{\"templateID\":\"base\",\"timeout\":-5}                    | timeout: must be at least 0; got -5",
                "{\"templateID\":\"base\",\"timeout\":1.5}                   | timeout: integer expected, got 1.5",
                "{\"templateID\":\"base\",\"timeout\":\"9\"}                 | timeout: integer expected, got \"9\"",
                "{\"templateID\":\"base\",\"timeout\":99999999999}           | timeout: must be at most 2147483647",
                "{\"templateID\":\"base\",\"timeout\":3601}                  | timeout: must be at most 3600 seconds",
                "{\"templateID\":\"base\",\"timeout\":null}                  | timeout: integer expected, got null",
                "{\"templateID\":\"base\",\"secure\":\"yes\"}                | secure: boolean expected",
                "{\"templateID\":\"base\",\"metadata\":{\"a\":1}}            | metadata.a: string expected, got 1",
                "{\"templateID\":\"base\",\"metadata\":[]}                   | metadata: object expected, got an array",
                "{\"templateID\":\"base\",\"envVars\":{\"A=B\":\"x\"}}       | envVars.A=B: ",
                "{\"templateID\":\"base\",\"envVars\":{\"\":\"x\"}}          | name must not be empty",
                "{\"templateID\":\"base\",\"autoPause\":1}                   | autoPause: boolean expected, got 1",
                "{\"templateID\":\"base\",\"autoPauseMemory\":false}         | autoPauseMemory: false needs autoPause: true",
                "{\"templateID\":\"base\",\"autoPause\":true,\"autoPauseMemory\":false,\"autoResume\":{\"enabled\":true}} | autoPauseMemory: false can't be combined with autoResume",
                "{\"templateID\":\"base\",\"autoResume\":{}}                 | autoResume.enabled: missing",
                "{\"templateID\":\"base\",\"memory\":\"no\"}                 | memory: boolean expected",
                "{\"templateID\":\"base\",\"mcp\":{\"a\":{}}}                | mcp: not supported",
                "{\"templateID\":\"base\",\"iam\":{\"tokens\":{\"a\":{}}}}   | iam.tokens: not supported",
                "{\"templateID\":\"base\",\"volumeMounts\":[{\"name\":\"v\",\"path\":\"/v\"}]} | volumeMounts: not supported",
                "{\"templateID\":\"base\",\"volumeMounts\":[{\"name\":\"v\"}]} | volumeMounts[0].path: missing",
                "{\"templateID\":\"base\",\"network\":{\"egressProxy\":{\"address\":\"h:1\"}}} | network.egressProxy: not supported",
                "{\"templateID\":\"base\",\"network\":{\"rules\":{\"a.com\":[]}}} | network.rules: not supported",
                "{\"templateID\":\"base\",\"network\":{\"httpsPorts\":[443]}} | network.httpsPorts: not supported",
                "{\"templateID\":\"base\",\"network\":{\"dnsServers\":[\"1.1.1.1\"]}} | network.dnsServers: not supported",
                "{\"templateID\":\"base\",\"network\":{\"allowOut\":[\"example.com\"]}} | network.allowOut: an IPv4 address or CIDR block expected, got 'example.com'",
                "{\"templateID\":\"base\",\"network\":{\"denyOut\":[\"10.0.0.0/33\"]}} | network.denyOut: '10.0.0.0/33' has a prefix above 32",
                "{\"templateID\":\"base\",\"network\":{\"denyOut\":[\"256.0.0.1\"]}} | network.denyOut: '256.0.0.1' is no IPv4 address",
                "{\"templateID\":\"base\",\"network\":{\"denyOut\":[\"::/0\"]}} | network.denyOut: an IPv4 address",
                "{\"templateID\":\"base\",\"network\":{\"maskRequestHost\":\"a b\"}} | network.maskRequestHost: must match",
                "{\"templateID\":\"base\",                                   | body: malformed JSON at line 1",
                "{\"templateID\":\"base\"} x                                 | body: malformed JSON",
                "{\"templateID\":\"base\",\"templateID\":\"base\"}           | body: malformed JSON",
                "{'templateID':'base'}                                       | body: malformed JSON",
            })
    void badCreates(String body, String message) throws Exception {
        assertError(server.call("POST", "/v2/sandboxes", body), 400, message);
        assertError(server.call("POST", "/sandboxes", body), 400, message);
    }

    @Test
    void publicTrafficCanBeClosedForSecureSandboxesOnly() throws Exception {
        assertError(
                server.call(
                        "POST", "/sandboxes", "{\"templateID\":\"base\",\"network\":{\"allowPublicTraffic\":false}}"),
                400,
                "network.allowPublicTraffic: false needs secure");
    }

    @Test
    void bodiesMustBeThereBeJsonAndFit() throws Exception {
        assertError(server.call("POST", "/v2/sandboxes", ""), 400, "body: missing");
        assertError(
                server.anonymous("POST", "/v2/sandboxes", "a=b")
                        .header("X-API-Key", server.key)
                        .header("Content-Type", "application/x-www-form-urlencoded")
                        .send(),
                415,
                "application/json expected");
        String large = "{\"templateID\":\"base\",\"metadata\":{\"a\":\"" + "x".repeat(1 << 20) + "\"}}";
        assertError(server.call("POST", "/v2/sandboxes", large), 413, "1048576");
        String deep = "[".repeat(20_000);
        assertError(server.call("POST", "/v2/sandboxes", deep), 400, "body: malformed JSON");
        Reply charset = server.anonymous("POST", "/v2/sandboxes", "{\"templateID\":\"base\"}")
                .header("X-API-Key", server.key)
                .header("Content-Type", "Application/JSON; charset=utf-8")
                .send();
        assertThat(charset.status()).isEqualTo(201);
    }

    @Test
    void unknownRoutesAndMethods() throws Exception {
        for (String path : new String[] {"/", "/nothing", "/sandboxes/", "/sandboxes/a/b/c", "/volumes"}) {
            assertError(server.call("GET", path), 404, "no such route");
        }
        for (String path : new String[] {"/v3/templates", "/secrets"}) {
            assertError(server.call("POST", path, "{}"), 404, "no such route");
        }
        Reply put = server.call("PUT", "/v2/sandboxes", "{}");
        assertError(put, 405, "PUT is not allowed");
        assertThat(put.header("Allow")).isEqualTo("GET, POST");
        assertThat(server.call("POST", "/sandboxes/x").header("Allow")).isEqualTo("DELETE, GET");
    }

    @Test
    void wrongCredentials() throws Exception {
        assertError(server.anonymous("GET", "/v2/sandboxes", null).send(), 401, "no credentials");
        for (String key : new String[] {"", "x", "e2b_zz", "e2b_" + "0".repeat(40), server.key + "0"}) {
            assertError(
                    server.anonymous("GET", "/v2/sandboxes", null)
                            .header("X-API-Key", key)
                            .send(),
                    401,
                    "invalid API key");
        }
        assertError(
                server.anonymous("GET", "/v2/sandboxes", null)
                        .header("Authorization", "Basic abc")
                        .send(),
                401,
                "Bearer");
        assertError(
                server.anonymous("GET", "/v2/sandboxes", null)
                        .header("Authorization", "Bearer sk_e2b_" + "0".repeat(40))
                        .send(),
                401,
                "invalid access token");
        assertError(server.call("GET", "/nodes"), 401, "X-Admin-Token");
        assertError(
                server.anonymous("GET", "/nodes", null)
                        .header("X-Admin-Token", "wrong")
                        .send(),
                401,
                "invalid admin token");
        assertError(server.admin("GET", "/v2/sandboxes", null), 400, "X-Team-ID: missing");
        assertError(
                server.anonymous("GET", "/v2/sandboxes", null)
                        .header("X-Admin-Token", TestServer.ADMIN)
                        .header("X-Team-ID", "none")
                        .send(),
                404,
                "X-Team-ID");
        Reply admin = server.anonymous("GET", "/v2/sandboxes", null)
                .header("X-Admin-Token", TestServer.ADMIN)
                .header("X-Team-ID", server.control.defaultTeam().id())
                .send();
        assertThat(admin.status()).isEqualTo(200);
    }

    @Test
    void aFullNodeIsBusy() throws Exception {
        server.node.capacity = 0;
        Reply reply = server.call("POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
        assertError(reply, 503, "places are taken");
        assertThat(reply.header("Retry-After")).isEqualTo("7");
        assertThat(reply.body().path("error_code").asString()).isEqualTo("sandbox_capacity_unavailable");
    }

    @ParameterizedTest
    @EnumSource(NodeException.Kind.class)
    void failuresOfTheNode(NodeException.Kind kind) throws Exception {
        server.node.onCreate = request -> {
            throw new NodeException(kind, "because of " + kind);
        };
        int status = switch (kind) {
            case NOT_FOUND -> 404;
            case INVALID -> 400;
            case CONFLICT -> 409;
            case FULL, UNAVAILABLE -> 503;
            case TIMEOUT -> 504;
            case INTERNAL -> 500;
        };
        Reply reply = server.call("POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
        // What went wrong inside is for the log, not for the client.
        assertError(reply, status, kind == NodeException.Kind.INTERNAL ? "the node failed" : "because of " + kind);
        assertThat(reply.headers().firstValue("Retry-After").isPresent()).isEqualTo(status == 503);
    }

    @Test
    void bugsAreAnsweredWithoutTheirDetails() throws Exception {
        server.node.onCreate = request -> {
            throw new IllegalStateException("secret detail");
        };
        Reply reply = server.call("POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
        assertError(reply, 500, "internal error");
        assertThat(reply.text().toLowerCase(Locale.ROOT)).doesNotContain("secret");
        assertThat(server.admin("GET", "/admin/sandboxes/running-counts", null)
                        .body()
                        .size())
                .isLessThanOrEqualTo(1);
    }

    @Test
    void malformedPathsAndQueries() throws Exception {
        assertThat(RawHttp.get(server, "/sandboxes/%zz")).isBetween(400, 499);
        assertThat(RawHttp.get(server, "/v2/sandboxes?limit=%zz")).isBetween(400, 499);
        assertThat(RawHttp.get(server, "/v2/sandboxes?metadata=%ff%fe")).isBetween(200, 499);
    }
}
