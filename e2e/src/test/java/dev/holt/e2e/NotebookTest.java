package dev.holt.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Jupyter's own clients use a sandbox's kernels, and notebook files are executed in it. */
final class NotebookTest {
    private static final String TEMPLATE = "code-interpreter-v1";
    private static final Pattern SERVING = Pattern.compile("^(http://\\S+)$", Pattern.MULTILINE);
    private final Sdks sdks = Sdks.install();

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void jupytersClientsUseASandboxAsAGateway(String runtime) {
        sdks.installJupyter();
        try (Holt holt = Holt.start(runtime, Map.of("HOLT_POOL_WARM", "1"))) {
            String sandbox = create(holt);
            try (Background door = Background.start(holt, "sandbox", "notebook", sandbox)) {
                assertThat(sdks.pythonScript(holt, "jupyter", "notebook_session.py", door.awaitLine(SERVING)))
                        .contains("Jupyter's clients are served");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void aNotebookComesBackWithItsOutputs(String runtime) throws IOException {
        Path in = directory.resolve("in.ipynb");
        Path out = directory.resolve("out.ipynb");
        try (Holt holt = Holt.start(runtime, Map.of("HOLT_POOL_WARM", "1"))) {
            String sandbox = create(holt);
            write(in, "print('one')\\nx = 6 * 7", "x");
            holt.cli("sandbox", "run-notebook", sandbox, in.toString(), "-o", out.toString())
                    .succeeded();
            JsonNode cells =
                    JsonMapper.shared().readTree(Files.readAllBytes(out)).path("cells");
            assertThat(cells.at("/0/outputs/0/text/0").asString()).isEqualTo("one\n");
            assertThat(cells.at("/1/outputs/0/data/text~1plain/0").asString()).isEqualTo("42");
            assertThat(cells.at("/1/execution_count").asInt()).isEqualTo(2);

            write(in, "1/0", "print('never')");
            Command failed = holt.cli("sandbox", "run-notebook", sandbox, in.toString(), "-o", out.toString());
            assertThat(failed.exitCode()).isEqualTo(1);
            assertThat(failed.output()).contains("cell 1: ZeroDivisionError: division by zero");
            cells = JsonMapper.shared().readTree(Files.readAllBytes(out)).path("cells");
            assertThat(cells.at("/0/outputs/0/ename").asString()).isEqualTo("ZeroDivisionError");
            assertThat(cells.at("/1/outputs")).isEmpty();

            write(in, "import time; time.sleep(3600)");
            Command late = holt.cli("sandbox", "run-notebook", sandbox, in.toString(), "--in-place", "--timeout", "1");
            assertThat(late.exitCode()).isEqualTo(1);
            assertThat(late.output()).contains("--timeout");
            assertThat(Files.readString(in)).contains("KeyboardInterrupt");

            assertThat(holt.cli("sandbox", "run-notebook", sandbox, in.toString(), "--kernel", "cobol")
                            .output())
                    .contains("no kernel 'cobol'", "python3");
        }
    }

    private static String create(Holt holt) {
        holt.buildTemplate(TEMPLATE);
        return holt.cli("sandbox", "create", TEMPLATE, "--timeout", "600")
                .succeeded()
                .output()
                .strip();
    }

    private static void write(Path file, String... cells) throws IOException {
        StringBuilder json = new StringBuilder();
        for (String cell : cells) {
            json.append(json.isEmpty() ? "" : ",")
                    .append(
                            "{\"cell_type\":\"code\",\"metadata\":{},\"outputs\":[],\"execution_count\":null,\"source\":\"")
                    .append(cell)
                    .append("\"}");
        }
        Files.writeString(file, "{\"nbformat\":4,\"nbformat_minor\":4,\"metadata\":{},\"cells\":[" + json + "]}");
    }
}
