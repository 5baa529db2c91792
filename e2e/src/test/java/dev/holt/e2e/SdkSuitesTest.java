package dev.holt.e2e;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every suite of both SDKs, newest and oldest, on both runtimes. */
final class SdkSuitesTest {
    private static final Map<String, String> SETTINGS = Map.of("HOLT_POOL_WARM", "2", "HOLT_METRICS_INTERVAL", "1");
    private final Sdks sdks = Sdks.install();

    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void javascriptSuites(String runtime) {
        try (Holt holt = Holt.start(runtime, SETTINGS)) {
            sdks.runJavascript(holt, "e2b");
            sdks.runJavascript(holt, "e2b-oldest");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void pythonSuites(String runtime) {
        try (Holt holt = Holt.start(runtime, SETTINGS)) {
            sdks.runPython(holt, "newest");
            sdks.runPython(holt, "oldest");
        }
    }
}
