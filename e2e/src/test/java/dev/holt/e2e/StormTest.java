package dev.holt.e2e;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code kill -9} of the daemon at a random moment while sandboxes are created, paused, resumed, captured, forked and killed, again and
 * again: what was acknowledged is true afterwards. {@code -Dholt.storm.rounds=50} makes more rounds, {@code -Dholt.storm.seed=1} makes the same
 * choices as another run.
 */
final class StormTest {
    private final Sdks sdks = Sdks.installJavascript();

    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void whatWasAcknowledgedOutlivesEveryCrash(String runtime) {
        Map<String, String> storm = Map.of(
                "STORM_ROUNDS", Integer.toString(Integer.getInteger("holt.storm.rounds", 20)),
                "STORM_SEED", Long.toString(Long.getLong("holt.storm.seed", System.nanoTime() & 0xffff_ffffL)));
        try (Holt holt = Holt.start(runtime, Map.of("HOLT_POOL_WARM", "1", "HOLT_POOL_SLOTS", "4"))) {
            try {
                sdks.converse(holt, storm, request -> obey(holt, request), "storm.mjs");
            } finally {
                if (!holt.isAlive()) {
                    holt.restart(); // a storm that failed: its sandboxes are to be ended
                }
            }
        }
    }

    private static void obey(Holt holt, String request) {
        String[] words = request.split(" ", -1);
        switch (words[0]) {
            case "crash" -> holt.crash();
            case "crash-while-starting" -> holt.crashWhileStarting(Duration.ofMillis(Long.parseLong(words[1])));
            case "restart" -> holt.restart();
            default -> throw new IllegalArgumentException(request);
        }
    }
}
