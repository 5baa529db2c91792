package dev.holt.e2e;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The code interpreter through both of its SDKs, on both runtimes. Its template is built when this host has none, which takes minutes. */
final class InterpreterSuitesTest {
    private final Sdks sdks = Sdks.installInterpreters();

    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void interpreterSuites(String runtime) {
        try (Holt holt = Holt.start(runtime, Map.of("HOLT_POOL_WARM", "1", "HOLT_TEMPLATES_ON_DEMAND", "false"))) {
            holt.buildTemplate("code-interpreter-v1");
            sdks.runInterpreter(holt);
        }
    }
}
