package dev.holt.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Model Context Protocol's own clients, JavaScript and Python, use Holt over both transports. */
final class McpTest {
    private static final Pattern SERVING = Pattern.compile("serving (http://\\S+)");
    private final Sdks sdks = Sdks.install();

    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void bothClientsWorkOverBothTransports(String runtime) {
        sdks.installPythonMcp();
        try (Holt holt = Holt.start(runtime, Map.of("HOLT_POOL_WARM", "1"));
                Background server = Background.start(holt, "mcp", "--listen", "127.0.0.1:0")) {
            holt.buildTemplate("code-interpreter-v1");
            String url = server.awaitLine(SERVING);
            String program = Repository.holt().toString();
            assertThat(sdks.script(holt, "mcp.mjs", program, url)).contains("# fail 0");
            assertThat(sdks.pythonScript(holt, "mcp", "mcp_session.py", program, url))
                    .contains("the Python client is served");
        }
    }

    @Test
    void aWrongAddressAndATakenOneAreSaidToBe() {
        try (Holt holt = Holt.start("container", Map.of("HOLT_POOL_WARM", "0"))) {
            assertThat(holt.cli("mcp", "--listen", "somewhere").exitCode()).isEqualTo(2);
            assertThat(holt.cli("mcp", "--allow-host", "a").exitCode()).isEqualTo(2);
            String taken = holt.environment().getOrDefault("E2B_API_URL", "").replace("http://", "");
            Command refused = holt.cli("mcp", "--listen", taken);
            assertThat(refused.exitCode()).isEqualTo(1);
            assertThat(refused.output()).contains("can't listen on " + taken);
        }
    }
}
