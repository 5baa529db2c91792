package dev.holt.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Holt's own command line and E2B's against one Holt. */
final class CommandLineTest {
    private final Sdks sdks = Sdks.install();

    @Test
    void bothCommandLinesSeeTheSameSandboxes() {
        try (Holt holt = Holt.start("container", Map.of("HOLT_POOL_WARM", "1"))) {
            JsonNode created = JsonMapper.shared()
                    .readTree(
                            holt.cli("sandbox", "create", "--json").succeeded().output());
            String id = created.get("sandboxID").asString();

            assertThat(holt.cli("sandbox", "list").succeeded().output()).contains(id);
            assertThat(sdks.e2bCli(holt, "sandbox", "list")).contains(id);

            assertThat(holt.cli("sandbox", "exec", id, "--", "echo", "a b")
                            .succeeded()
                            .output())
                    .contains("a b");
            assertThat(holt.cli("sandbox", "exec", id, "--", "sh", "-c", "exit 9")
                            .exitCode())
                    .isEqualTo(9);
            assertThat(sdks.e2bCli(holt, "sandbox", "exec", id, "echo", "from-e2b"))
                    .contains("from-e2b");

            assertThat(holt.cli("sandbox", "logs", id).succeeded().output()).isNotBlank();
            assertThat(holt.cli("template", "list").succeeded().output()).contains("base");
            assertThat(holt.cli("doctor").succeeded().output()).contains("runc");
            assertThat(holt.cli("version").succeeded().output()).isNotBlank();

            sdks.e2bCli(holt, "sandbox", "kill", id);
            assertThat(holt.cli("sandbox", "list", "--json").succeeded().output())
                    .doesNotContain(id);
            assertThat(holt.cli("sandbox", "kill", id).exitCode()).isNotZero();
            assertThat(holt.cli("sandbox", "no-such-verb").exitCode()).isEqualTo(2);
        }
    }

    @Test
    void statesAreMovedFromTheCommandLine() {
        try (Holt holt = Holt.start("container", Map.of("HOLT_POOL_WARM", "0"))) {
            String id = JsonMapper.shared()
                    .readTree(holt.cli("sandbox", "create", "--auto-pause", "--json")
                            .succeeded()
                            .output())
                    .get("sandboxID")
                    .asString();
            assertThat(holt.cli("sandbox", "pause", id).succeeded().output()).contains(id);
            assertThat(holt.cli("sandbox", "pause", id).exitCode()).isEqualTo(1);
            assertThat(holt.cli("sandbox", "list", "--state", "paused")
                            .succeeded()
                            .output())
                    .contains(id);
            assertThat(sdks.e2bCli(holt, "sandbox", "list", "--state", "paused"))
                    .contains(id);
            assertThat(holt.cli("sandbox", "resume", id).succeeded().output())
                    .contains(id)
                    .contains("restored");
            holt.cli("sandbox", "snapshot", id, "--name", "cli:v1").succeeded();
            assertThat(holt.cli("snapshot", "list").succeeded().output()).contains("/cli:v1");
            holt.cli("sandbox", "rollback", id, "cli:v1").succeeded();
            String forked =
                    holt.cli("sandbox", "fork", id, "--count", "2").succeeded().output();
            assertThat(forked.strip().lines()).hasSize(2);
            assertThat(holt.cli("sandbox", "events", id).succeeded().output())
                    .contains("paused")
                    .contains("rolled-back");
            holt.cli("snapshot", "delete", "cli").succeeded();
            assertThat(holt.cli("snapshot", "delete", "cli").exitCode()).isEqualTo(5);
        }
    }

    @Test
    void keysAreMadeListedAndRevoked() {
        try (Holt holt = Holt.start("container", Map.of("HOLT_POOL_WARM", "0"))) {
            JsonNode made = JsonMapper.shared()
                    .readTree(holt.cli("api-key", "create", "second", "--json")
                            .succeeded()
                            .output());
            String key = made.get("key").asString();
            assertThat(key).matches("e2b_[0-9a-f]+");
            assertThat(holt.cli("api-key", "list").succeeded().output())
                    .contains("second")
                    .doesNotContain(key);
            holt.cli("api-key", "revoke", made.get("id").asString()).succeeded();
            assertThat(holt.cli("api-key", "list").succeeded().output()).doesNotContain("second");
        }
    }
}
