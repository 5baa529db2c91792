package dev.holt.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The code interpreter's template: built by the command line when this host has none by the present recipe, which takes minutes, and
 * then tested from within by its own Python.
 */
final class InterpreterTemplateTest {
    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void everyKernelAnswersAndFiguresBecomeCharts(String runtime) throws IOException {
        try (Holt holt = Holt.start(runtime, Map.of("HOLT_POOL_WARM", "0", "HOLT_TEMPLATES_ON_DEMAND", "false"))) {
            holt.buildTemplate("code-interpreter-v1");
            String id = holt.cli("sandbox", "create", "code-interpreter-beta", "--timeout", "1200")
                    .succeeded()
                    .output()
                    .strip();
            for (String suite : new String[] {"kernels.py", "charts.py"}) {
                Path file = Repository.e2e().resolve("interpreter").resolve(suite);
                Command tested = holt.slowCli("sandbox", "exec", id, "--", "python3", "-c", Files.readString(file));
                System.out.println(tested.output());
                assertThat(tested.succeeded().output()).contains("OK");
            }
            assertThat(holt.cli("sandbox", "exec", id, "--", "node", "--version")
                            .succeeded()
                            .output())
                    .contains("v22.");
            assertThat(holt.cli("sandbox", "exec", id, "--", "npm", "--version")
                            .succeeded()
                            .output())
                    .startsWith("10.");
            assertThat(holt.cli("template", "list").succeeded().output())
                    .containsPattern("code-interpreter-v1 +code-interpreter-beta +ready");
        }
    }
}
