package dev.holt.node.envd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** The Filesystem service over HTTP. */
@ParameterizedClass
@EnumSource(HttpClient.Version.class)
class FilesystemServiceTest {
    @Parameter
    HttpClient.Version version = HttpClient.Version.HTTP_1_1;

    private static final String NOBODY =
            "Basic " + Base64.getEncoder().encodeToString("nobody:".getBytes(StandardCharsets.UTF_8));

    @SuppressWarnings("NullAway.Init") // before each version of the class
    private static TestEnvd envd;

    @BeforeParameterizedClassInvocation
    static void start(HttpClient.Version version) throws IOException {
        envd = new TestEnvd(version);
    }

    @AfterParameterizedClassInvocation
    static void stop() throws IOException {
        envd.close();
    }

    private static JsonNode call(String rpc, String json, String... headers) throws Exception {
        return envd.call("filesystem.Filesystem/" + rpc, json, headers);
    }

    private static String code(String rpc, String json) throws Exception {
        HttpResponse<byte[]> response = envd.unary("filesystem.Filesystem/" + rpc, json);
        String body = new String(response.body(), StandardCharsets.UTF_8);
        return response.statusCode() + " " + body.replaceAll(".*\"code\":\"([a-z_]+)\".*", "$1");
    }

    private static String path(String name) {
        return "{\"path\":\"" + envd.path(name) + "\"}";
    }

    @Test
    void describesEntries() throws Exception {
        Path file = Files.writeString(envd.work().resolve("described"), "12345");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        Files.createSymbolicLink(envd.work().resolve("link"), Path.of("described"));
        Files.createSymbolicLink(envd.work().resolve("dangling"), Path.of("nowhere"));
        JsonNode entry = call("Stat", path("described")).path("entry");
        assertThat(entry.path("name").asString()).isEqualTo("described");
        assertThat(entry.path("type").asString()).isEqualTo("FILE_TYPE_FILE");
        assertThat(entry.path("path").asString()).isEqualTo(file.toString());
        assertThat(entry.path("size").asString()).isEqualTo("5");
        assertThat(entry.path("mode").asInt()).isEqualTo(0640);
        assertThat(entry.path("permissions").asString()).isEqualTo("-rw-r-----");
        assertThat(entry.path("owner").asString()).isEqualTo("root");
        assertThat(entry.path("group").asString()).isEqualTo("root");
        assertThat(entry.path("modifiedTime").asString()).endsWith("Z");
        assertThat(entry.has("symlinkTarget")).isFalse();
        JsonNode link = call("Stat", path("link")).path("entry");
        assertThat(link.path("type").asString()).isEqualTo("FILE_TYPE_FILE");
        assertThat(link.path("symlinkTarget").asString()).isEqualTo(file.toString());
        assertThat(link.path("mode").asInt()).isEqualTo(0640);
        assertThat(link.path("permissions").asString()).isEqualTo("Lrwxrwxrwx");
        JsonNode dangling = call("Stat", path("dangling")).path("entry");
        assertThat(dangling.path("type").asString()).isEqualTo("FILE_TYPE_SYMLINK");
        assertThat(dangling.path("symlinkTarget").asString()).isEqualTo(envd.path("dangling"));
        assertThat(call("Stat", "{\"path\":\"/tmp\"}")
                        .path("entry")
                        .path("permissions")
                        .asString())
                .isEqualTo("dtrwxrwxrwx");
        assertThat(code("Stat", path("missing"))).isEqualTo("404 not_found");
        assertThat(code("Stat", path("described/below"))).isEqualTo("404 not_found");
        assertThat(code("Stat", "{\"path\":\"~other\"}")).isEqualTo("400 invalid_argument");
    }

    @Test
    void makesDirectoriesForTheUser() throws Exception {
        JsonNode made =
                call("MakeDir", path("made/by/nobody"), "Authorization", NOBODY).path("entry");
        assertThat(made.path("owner").asString()).isEqualTo("nobody");
        assertThat(made.path("type").asString()).isEqualTo("FILE_TYPE_DIRECTORY");
        assertThat(code("MakeDir", path("made/by"))).isEqualTo("409 already_exists");
        Files.writeString(envd.work().resolve("plain"), "");
        assertThat(code("MakeDir", path("plain"))).isEqualTo("400 invalid_argument");
        HttpResponse<byte[]> ghost =
                envd.unary("filesystem.Filesystem/MakeDir", path("x"), "Authorization", "Basic Z2hvc3Q6");
        assertThat(ghost.statusCode()).isEqualTo(401);
        assertThat(ghost.body())
                .asString()
                .isEqualTo("{\"code\":\"unauthenticated\",\"message\":\"invalid username: 'ghost'\"}");
    }

    @Test
    void listsToADepth() throws Exception {
        Files.createDirectories(envd.work().resolve("tree/a/b"));
        Files.writeString(envd.work().resolve("tree/f"), "");
        for (String name : List.of("z", "m", "a-", "g")) {
            Files.writeString(envd.work().resolve("tree/" + name), "");
        }
        assertThat(names(call("ListDir", path("tree")))).containsExactly("a", "a-", "f", "g", "m", "z");
        assertThat(names(call("ListDir", "{\"path\":\"" + envd.path("tree") + "\",\"depth\":2}")))
                .as("in the order of a walk")
                .containsExactly("a", "b", "a-", "f", "g", "m", "z");
        assertThat(code("ListDir", path("tree/f"))).isEqualTo("400 invalid_argument");
        assertThat(code("ListDir", path("tree/none"))).isEqualTo("404 not_found");
        Files.createSymbolicLink(envd.work().resolve("loop"), Path.of("loop"));
        assertThat(code("ListDir", path("loop"))).isEqualTo("400 failed_precondition");
    }

    private static List<String> names(JsonNode listing) {
        List<String> names = new ArrayList<>();
        listing.path("entries").forEach(entry -> names.add(entry.path("name").asString()));
        return names;
    }

    @Test
    void movesAndRemoves() throws Exception {
        Files.writeString(envd.work().resolve("from"), "x");
        String move = "{\"source\":\"" + envd.path("from") + "\",\"destination\":\"" + envd.path("new/to") + "\"}";
        assertThat(call("Move", move).path("entry").path("path").asString()).isEqualTo(envd.path("new/to"));
        assertThat(code("Move", move)).isEqualTo("404 not_found");
        assertThat(call("Remove", path("new"))).hasToString("{}");
        assertThat(call("Remove", path("new"))).hasToString("{}");
        assertThat(Files.exists(envd.work().resolve("new"))).isFalse();
    }

    @Test
    void streamsWhatHappensInADirectory() throws Exception {
        Path directory = Files.createDirectories(envd.work().resolve("streamed/below"));
        String request = "{\"path\":\"" + envd.path("streamed") + "\",\"recursive\":true,\"includeEntry\":true}";
        try (TestEnvd.Stream stream =
                envd.stream("filesystem.Filesystem/WatchDir", request, "Keepalive-Ping-Interval", "1")) {
            assertThat(stream.next()).hasToString("{\"start\":{}}");
            Files.writeString(directory.resolve("file"), "text");
            JsonNode created = stream.next().path("filesystem");
            assertThat(created.path("name").asString()).isEqualTo("below/file");
            assertThat(created.path("type").asString()).isEqualTo("EVENT_TYPE_CREATE");
            assertThat(created.path("entry").path("name").asString()).isEqualTo("file");
            JsonNode next = stream.next();
            while (!next.has("keepalive")) {
                next = stream.next();
            }
            Files.delete(directory.resolve("file"));
            JsonNode removed = stream.next().path("filesystem");
            assertThat(removed.path("type").asString()).isEqualTo("EVENT_TYPE_REMOVE");
            assertThat(removed.has("entry")).isFalse();
        }
    }

    @Test
    void refusesToWatchWhatIsNoDirectory() throws Exception {
        Files.writeString(envd.work().resolve("unwatched"), "");
        for (String[] refused : new String[][] {{"unwatched", "invalid_argument"}, {"none", "not_found"}}) {
            try (TestEnvd.Stream stream = envd.stream("filesystem.Filesystem/WatchDir", path(refused[0]))) {
                assertThat(stream.next()
                                .path("endOfStream")
                                .path("error")
                                .path("code")
                                .asString())
                        .isEqualTo(refused[1]);
            }
            assertThat(code("CreateWatcher", path(refused[0]))).endsWith(refused[1]);
        }
    }

    @Test
    void aWatchEndsAtItsDeadline() throws Exception {
        try (TestEnvd.Stream stream = envd.stream(
                "filesystem.Filesystem/WatchDir", "{\"path\":\"" + envd.work() + "\"}", "Connect-Timeout-Ms", "1")) {
            List<JsonNode> messages = stream.all();
            assertThat(messages.getLast().toString()).contains("deadline_exceeded");
        }
    }

    @Test
    void watchersCollectUntilTheyAreAsked() throws Exception {
        Files.createDirectories(envd.work().resolve("polled"));
        String id = call("CreateWatcher", path("polled")).path("watcherId").asString();
        assertThat(id).startsWith("w");
        String named = "{\"watcherId\":\"" + id + "\"}";
        for (int round = 0; round < 20; round++) {
            for (int file = 0; file <= round; file++) {
                Files.writeString(envd.work().resolve("polled/" + round + "-" + file), "text");
            }
            List<String> told = new ArrayList<>();
            call("GetWatcherEvents", named)
                    .path("events")
                    .forEach(event -> told.add(event.path("type").asString() + " "
                            + event.path("name").asString()));
            assertThat(told)
                    .as("everything that happened before it was asked")
                    .contains("EVENT_TYPE_CREATE " + round + "-0", "EVENT_TYPE_WRITE " + round + "-" + round);
        }
        assertThat(call("GetWatcherEvents", named)).hasToString("{}");
        assertThat(call("RemoveWatcher", named)).hasToString("{}");
        assertThat(code("RemoveWatcher", named)).isEqualTo("404 not_found");
        assertThat(code("GetWatcherEvents", named)).isEqualTo("404 not_found");
    }

    @Test
    void permissionsAreWrittenAsGoDoes() {
        assertThat(EntryInfos.permissions(0100644)).isEqualTo("-rw-r--r--");
        assertThat(EntryInfos.permissions(0040755)).isEqualTo("drwxr-xr-x");
        assertThat(EntryInfos.permissions(0104755)).isEqualTo("urwxr-xr-x");
        assertThat(EntryInfos.permissions(0020620)).isEqualTo("Dcrw--w----");
        assertThat(EntryInfos.permissions(0060660)).isEqualTo("Drw-rw----");
        assertThat(EntryInfos.permissions(0010600)).isEqualTo("prw-------");
        assertThat(EntryInfos.permissions(0140777)).isEqualTo("Srwxrwxrwx");
    }
}
