package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import dev.holt.control.access.Team;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class KeysTest {
    private static final String UNKNOWN = "00000000-0000-4000-8000-000000000000";

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

    private int statusWith(String key) throws Exception {
        return server.anonymous("GET", "/v2/sandboxes", null)
                .header("X-API-Key", key)
                .send()
                .status();
    }

    @Test
    void aNewKeyWorksUntilItIsRevoked() throws Exception {
        Reply created = server.call("POST", "/api-keys", "{\"name\":\" ci \"}");
        assertThat(created.status()).isEqualTo(201);
        String key = created.body().path("key").asString();
        String id = created.body().path("id").asString();
        assertThat(key).matches("e2b_[0-9a-f]{40}");
        assertThat(created.body().path("name").asString()).isEqualTo("ci");
        JsonNode mask = created.body().path("mask");
        assertThat(mask.path("prefix").asString()).isEqualTo("e2b_");
        assertThat(mask.path("valueLength").asInt()).isEqualTo(40);
        assertThat(key).startsWith("e2b_" + mask.path("maskedValuePrefix").asString());
        assertThat(key).endsWith(mask.path("maskedValueSuffix").asString());
        assertThat(mask.path("maskedValuePrefix").asString().length()
                        + mask.path("maskedValueSuffix").asString().length())
                .isLessThan(8);
        assertThat(statusWith(key)).isEqualTo(200);
        assertThat(server.anonymous("GET", "/v2/sandboxes", null)
                        .header("Authorization", "Bearer " + key)
                        .send()
                        .status())
                .isEqualTo(200);

        JsonNode listed = server.call("GET", "/api-keys").body();
        assertThat(listed.size()).isEqualTo(2);
        assertThat(listed.toString()).doesNotContain(key);
        assertThat(listed.get(1).path("lastUsed").isString()).isTrue();
        assertThat(listed.get(1).path("createdBy").path("id").isString()).isTrue();

        assertThat(server.call("PATCH", "/api-keys/" + id, "{\"name\":\"renamed\"}")
                        .status())
                .isEqualTo(200);
        assertThat(server.call("GET", "/api-keys").body().get(1).path("name").asString())
                .isEqualTo("renamed");
        assertThat(server.call("DELETE", "/api-keys/" + id).status()).isEqualTo(204);
        assertThat(statusWith(key)).isEqualTo(401);
        assertThat(server.call("DELETE", "/api-keys/" + id).status()).isEqualTo(404);
        assertThat(server.call("PATCH", "/api-keys/" + id, "{\"name\":\"x\"}").status())
                .isEqualTo(404);
        assertThat(server.call("GET", "/api-keys").body().size()).isEqualTo(1);
    }

    @Test
    void badKeyRequests() throws Exception {
        assertThat(server.call("POST", "/api-keys", "{}").message()).isEqualTo("name: missing");
        assertThat(server.call("POST", "/api-keys", "{\"name\":\" \"}").message())
                .startsWith("name: ");
        assertThat(server.call("POST", "/api-keys", "{\"name\":\"" + "n".repeat(129) + "\"}")
                        .message())
                .startsWith("name: must have at most 128");
        assertThat(server.call("DELETE", "/api-keys/nonsense").message()).startsWith("apiKeyID: a UUID expected");
        assertThat(server.call("DELETE", "/access-tokens/1-1-1-1-1").message())
                .startsWith("accessTokenID: a UUID expected");
        assertThat(server.call("DELETE", "/access-tokens/" + UNKNOWN).status()).isEqualTo(404);
    }

    @Test
    void accessTokensSpeakForTheirUser() throws Exception {
        Reply created = server.call("POST", "/access-tokens", "{\"name\":\"laptop\"}");
        assertThat(created.status()).isEqualTo(201);
        String token = created.body().path("token").asString();
        assertThat(token).matches("sk_e2b_[0-9a-f]{40}");
        Reply teams = server.anonymous("GET", "/teams", null)
                .header("Authorization", "Bearer " + token)
                .send();
        assertThat(teams.status()).isEqualTo(200);
        assertThat(teams.body().size()).isEqualTo(1);
        JsonNode team = teams.body().get(0);
        assertThat(team.path("teamID").asString())
                .isEqualTo(server.control.defaultTeam().id());
        assertThat(team.path("isDefault").asBoolean()).isTrue();
        assertThat(statusWith(team.path("apiKey").asString())).isEqualTo(200);
        assertThat(server.anonymous("GET", "/v2/sandboxes", null)
                        .header("Authorization", "bearer " + token)
                        .header("X-Team-ID", server.control.defaultTeam().id())
                        .send()
                        .status())
                .isEqualTo(200);
        assertThat(server.anonymous("GET", "/v2/sandboxes", null)
                        .header("Authorization", "Bearer " + token)
                        .header("X-Team-ID", UNKNOWN)
                        .send()
                        .status())
                .isEqualTo(403);
        assertThat(server.call(
                                "DELETE",
                                "/access-tokens/" + created.body().path("id").asString())
                        .status())
                .isEqualTo(204);
        assertThat(server.anonymous("GET", "/teams", null)
                        .header("Authorization", "Bearer " + token)
                        .send()
                        .status())
                .isEqualTo(401);
        // An API key has itself to show for its team.
        assertThat(server.call("GET", "/teams").body().get(0).path("apiKey").asString())
                .isEqualTo(server.key);
    }

    @Test
    void administratorsHandleAnyTeamsKeys() throws Exception {
        Team team = server.control.createTeam("other", "Other", TestServer.QUOTAS);
        Reply created = server.admin("POST", "/admin/teams/" + team.id() + "/api-keys", "{\"name\":\"service\"}");
        assertThat(created.status()).isEqualTo(201);
        assertThat(created.body().path("createdBy").isNull()).isTrue();
        String key = created.body().path("key").asString();
        assertThat(statusWith(key)).isEqualTo(200);
        // Nobody made it, so it speaks for no user.
        assertThat(server.anonymous("POST", "/access-tokens", "{\"name\":\"x\"}")
                        .header("X-API-Key", key)
                        .send()
                        .status())
                .isEqualTo(403);
        String path = "/admin/teams/" + team.id() + "/api-keys/"
                + created.body().path("id").asString();
        assertThat(server.call(
                                "DELETE",
                                "/api-keys/" + created.body().path("id").asString())
                        .status())
                .isEqualTo(404);
        assertThat(server.admin("DELETE", path, null).status()).isEqualTo(204);
        assertThat(statusWith(key)).isEqualTo(401);
        assertThat(server.admin("DELETE", path, null).status()).isEqualTo(404);
        assertThat(server.admin("POST", "/admin/teams/" + UNKNOWN + "/api-keys", "{\"name\":\"x\"}")
                        .status())
                .isEqualTo(404);
        assertThat(server.admin("POST", "/admin/teams/x/api-keys", "{\"name\":\"x\"}")
                        .status())
                .isEqualTo(400);
    }

    @Test
    void teamsDoNotSeeEachOther() throws Exception {
        String id = server.create("{\"templateID\":\"base\"}");
        Team other = server.control.createTeam("other", "Other", TestServer.QUOTAS);
        String key = server.control.createApiKey(other, "theirs");
        String[][] routes = {
            {"GET", "/sandboxes/" + id, ""},
            {"DELETE", "/sandboxes/" + id, ""},
            {"POST", "/sandboxes/" + id + "/timeout", "{\"timeout\":1}"},
            {"POST", "/sandboxes/" + id + "/refreshes", ""},
            {"POST", "/v2/sandboxes/" + id + "/connect", ""},
            {"GET", "/sandboxes/" + id + "/logs", ""},
            {"GET", "/v2/sandboxes/" + id + "/logs", ""},
            {"GET", "/sandboxes/" + id + "/metrics", ""}
        };
        for (String[] route : routes) {
            Reply reply = server.anonymous(route[0], route[1], route[2])
                    .header("X-API-Key", key)
                    .send();
            assertThat(reply.status()).as(route[1]).isEqualTo(404);
            // Just like a sandbox that never was.
            assertThat(reply.message()).isEqualTo("sandbox " + id + " not found");
        }
        assertThat(server.anonymous("GET", "/v2/sandboxes", null)
                        .header("X-API-Key", key)
                        .send()
                        .body()
                        .size())
                .isZero();
        assertThat(server.anonymous("GET", "/sandboxes/metrics?sandbox_ids=" + id, null)
                        .header("X-API-Key", key)
                        .send()
                        .text())
                .isEqualTo("{\"sandboxes\":{}}");
        assertThat(server.call("GET", "/sandboxes/" + id).status()).isEqualTo(200);
    }

    @Test
    void theDatabaseKnowsNoKeyAndIsPrivate() throws Exception {
        String token = server.call("POST", "/access-tokens", "{\"name\":\"x\"}")
                .body()
                .path("token")
                .asString();
        Set<String> stored = new HashSet<>();
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("holt.db"))) {
            for (String table : List.of("api_keys", "access_tokens")) {
                try (ResultSet rows = connection.createStatement().executeQuery("select hash from " + table)) {
                    while (rows.next()) {
                        stored.add(rows.getString(1));
                    }
                }
            }
        }
        assertThat(stored).hasSize(2).allMatch(hash -> hash.matches("[0-9a-f]{64}"));
        for (String file : List.of("holt.db", "holt.db-wal")) {
            Path path = directory.resolve(file);
            String content = new String(Files.readAllBytes(path), StandardCharsets.ISO_8859_1);
            assertThat(content).doesNotContain(server.key.substring(4)).doesNotContain(token.substring(7));
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                    .as(file)
                    .isEqualTo("rw-------");
        }
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.resolve("api-key"))))
                .isEqualTo("rw-------");
    }
}
