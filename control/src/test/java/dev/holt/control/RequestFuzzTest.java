package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.JsonNodeFactory;

/** Whatever a client sends, it gets an answer that the contract knows, and never a 500. */
// jqwik starts the server before the first property; the checker does not know its annotation.
@SuppressWarnings("NullAway.Init")
class RequestFuzzTest {
    private static final List<String> FIELDS = List.of(
            "templateID",
            "timeout",
            "autoPause",
            "autoPauseMemory",
            "autoResume",
            "enabled",
            "secure",
            "allow_internet_access",
            "network",
            "allowPublicTraffic",
            "allowOut",
            "denyOut",
            "dnsServers",
            "httpsPorts",
            "egressProxy",
            "maskRequestHost",
            "rules",
            "metadata",
            "envVars",
            "mcp",
            "iam",
            "tokens",
            "volumeMounts",
            "memory",
            "duration",
            "name",
            "holt.isolation");

    private static Path directory;
    private static TestServer server;

    @BeforeContainer
    static void start() throws Exception {
        directory = Files.createTempDirectory("holt-fuzz");
        server = new TestServer(directory);
    }

    @AfterContainer
    static void stop() throws Exception {
        server.close();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    @Property(tries = 250, edgeCases = EdgeCasesMode.NONE)
    void bodiesOfCreates(@ForAll("objects") Map<String, Object> body) throws Exception {
        Map<String, Object> likely = new LinkedHashMap<>(body);
        likely.putIfAbsent("templateID", "base");
        check("POST", "/v2/sandboxes", TestServer.JSON.writeValueAsString(likely));
        if (server.node.sandboxes.size() > 10) {
            server.admin("POST", "/admin/teams/" + server.control.defaultTeam().id() + "/sandboxes/kill", null);
        }
    }

    @Property(tries = 80, edgeCases = EdgeCasesMode.NONE)
    void bodiesOfOtherRoutes(@ForAll("values") Object body, @ForAll("targets") String target) throws Exception {
        check("POST", target, TestServer.JSON.writeValueAsString(body));
    }

    @Property(tries = 80, edgeCases = EdgeCasesMode.NONE)
    void bytesThatAreNoJson(@ForAll String body, @ForAll("targets") String target) throws Exception {
        check("POST", target, body);
    }

    @Property(tries = 80, edgeCases = EdgeCasesMode.NONE)
    void pathsAndQueries(@ForAll String segment, @ForAll("parameters") String parameter, @ForAll String value)
            throws Exception {
        String query = "?" + parameter + "=" + encode(value);
        check("GET", "/v2/sandboxes" + query, null);
        check("GET", "/v2/sandboxes/" + encode(segment) + "/logs" + query, null);
        check("GET", "/sandboxes/" + encode(segment) + query, null);
        check("GET", "/templates/aliases/" + encode(segment), null);
        check("GET", "/" + encode(segment), null);
    }

    private static void check(String method, String path, @Nullable String body) throws Exception {
        Reply reply = server.call(method, path, body);
        assertThat(reply.status())
                .as("%s %s %s -> %s", method, path, body, reply.text())
                .isBetween(200, 499);
        if (reply.status() >= 400 && reply.header("Content-Type").equals("application/json")) {
            assertThat(reply.body().path("code").asInt()).isEqualTo(reply.status());
            assertThat(reply.message()).isNotBlank();
        }
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    @Provide
    Arbitrary<String> targets() {
        String id = "a" + "0".repeat(19);
        return Arbitraries.of(
                "/sandboxes",
                "/sandboxes/" + id + "/timeout",
                "/sandboxes/" + id + "/refreshes",
                "/sandboxes/" + id + "/connect",
                "/v2/sandboxes/" + id + "/connect",
                "/api-keys",
                "/access-tokens");
    }

    @Provide
    Arbitrary<String> parameters() {
        return Arbitraries.of(
                "metadata", "state", "order", "startedAfter", "template", "nextToken", "limit", "cursor", "direction");
    }

    @Provide
    Arbitrary<Map<String, Object>> objects() {
        return maps(values(2));
    }

    private static Arbitrary<Map<String, Object>> maps(Arbitrary<Object> values) {
        Arbitrary<String> names =
                Arbitraries.frequencyOf(Tuple.of(9, Arbitraries.of(FIELDS)), Tuple.of(1, Arbitraries.strings()));
        return Combinators.combine(names.list().ofMaxSize(6), values.list().ofSize(6))
                .as((keys, contents) -> {
                    Map<String, Object> map = new LinkedHashMap<>();
                    for (int i = 0; i < keys.size(); i++) {
                        map.put(keys.get(i), contents.get(i));
                    }
                    return map;
                });
    }

    @Provide
    Arbitrary<Object> values() {
        return values(3);
    }

    private static Arbitrary<Object> values(int depth) {
        Arbitrary<Object> scalars = Arbitraries.oneOf(
                Arbitraries.strings().ofMaxLength(40).map(text -> (Object) text),
                Arbitraries.of("base", "10.0.0.0/8", "8.8.8.8", "gvisor", "example.com")
                        .map(text -> (Object) text),
                Arbitraries.integers().map(number -> (Object) number),
                Arbitraries.integers().between(1, 100).map(number -> (Object) number),
                Arbitraries.doubles().map(number -> (Object) number),
                Arbitraries.bigIntegers().map(number -> (Object) number),
                Arbitraries.of(true, false).map(flag -> (Object) flag),
                Arbitraries.just((Object) JsonNodeFactory.instance.nullNode()));
        if (depth == 0) {
            return scalars;
        }
        return Arbitraries.oneOf(
                scalars,
                scalars,
                values(depth - 1).list().ofMaxSize(3).map(list -> (Object) list),
                maps(values(depth - 1)).map(map -> (Object) map));
    }
}
