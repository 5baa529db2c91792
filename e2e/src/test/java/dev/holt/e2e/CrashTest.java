package dev.holt.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code kill -9} of the daemon loses nothing. */
final class CrashTest {
    private final Sdks sdks = Sdks.install();

    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void sandboxesAndTheirCommandsOutliveTheDaemon(String runtime) throws Exception {
        try (Holt holt = Holt.start(runtime, Map.of("HOLT_POOL_WARM", "1"))) {
            String left = sdks.script(holt, "before-crash.mjs").strip();
            holt.crash();
            Thread.sleep(1500); // long enough for the command that ends meanwhile
            holt.restart();
            sdks.script(holt, "after-crash.mjs", left.substring(left.lastIndexOf('\n') + 1));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"container"})
    void createsThatTheCrashInterruptedLeaveNothing(String runtime) throws Exception {
        try (Holt holt = Holt.start(runtime, Map.of("HOLT_POOL_WARM", "0"))) {
            Process storm = new ProcessBuilder("node", "create-storm.mjs")
                    .directory(Repository.e2e().resolve("javascript").toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            Thread.sleep(700);
            holt.crash();
            storm.destroyForcibly().waitFor();
            holt.restart();
            assertThat(holt.cli("sandbox", "list", "--json").succeeded().output())
                    .startsWith("[");
        }
    }
}
