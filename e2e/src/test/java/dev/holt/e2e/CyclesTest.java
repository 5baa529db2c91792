package dev.holt.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The same again and again: nothing grows. {@code -Dholt.cycles.factor=5} makes five times as many cycles. */
final class CyclesTest {
    /** Ends go on in the background, and logs of sandboxes that ended are removed every minute. */
    private static final Duration REST = Duration.ofMinutes(3);

    private final Sdks sdks = Sdks.installJavascript();

    @ParameterizedTest
    @CsvSource({
        "container, creates, 30, 1000",
        "gvisor, creates, 15, 200",
        "container, pauses, 9, 200",
        "gvisor, pauses, 9, 200"
    })
    void nothingGrows(String runtime, String what, int warmUps, int cycles) {
        Map<String, String> settings =
                Map.of("HOLT_POOL_WARM", "2", "HOLT_POOL_SLOTS", "4", "HOLT_LOGS_RETENTION", "0");
        int times = cycles * Integer.getInteger("holt.cycles.factor", 1);
        try (Holt holt = Holt.start(runtime, settings)) {
            Deque<Footprint> before = new ArrayDeque<>();
            sdks.converse(
                    holt,
                    Map.of(),
                    moment -> {
                        if (moment.equals("before")) {
                            before.add(atRest(holt));
                        } else {
                            assertNotGrown(holt, before.remove());
                        }
                    },
                    "cycles.mjs",
                    what,
                    Integer.toString(warmUps),
                    Integer.toString(times));
        }
    }

    /** What there is when nothing is being made or removed any more: the same twice, some seconds apart. */
    private static Footprint atRest(Holt holt) {
        Instant limit = Instant.now().plus(REST);
        Footprint last = holt.footprint();
        while (true) {
            sleep(Duration.ofSeconds(2));
            Footprint now = holt.footprint();
            if (now.exact().equals(last.exact())) {
                return now;
            }
            assertThat(Instant.now()).as("it came to rest, it was " + last).isBefore(limit);
            last = now;
        }
    }

    private static void assertNotGrown(Holt holt, Footprint before) {
        Instant limit = Instant.now().plus(REST);
        Footprint now = atRest(holt);
        for (List<String> grown = now.grownSince(before); !grown.isEmpty(); grown = now.grownSince(before)) {
            assertThat(Instant.now()).as("grown: " + grown).isBefore(limit);
            now = atRest(holt);
        }
        System.out.println("before: " + before);
        System.out.println("after:  " + now);
    }

    private static void sleep(Duration time) {
        try {
            Thread.sleep(time);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }
}
