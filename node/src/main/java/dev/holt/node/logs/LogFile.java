package dev.holt.node.logs;

import dev.holt.nodeapi.LogEntry;
import java.time.Clock;
import java.util.HashMap;
import java.util.Map;

/** One sandbox's log. */
final class LogFile implements SandboxLog {
    private static final int LONGEST_TEXT = 1024;

    private final LineFile lines;
    private final Clock clock;

    LogFile(LineFile lines, Clock clock) {
        this.lines = lines;
        this.clock = clock;
    }

    @Override
    public void write(LogEntry.Level level, String message, Map<String, String> fields) {
        lines.append(new LogEntry(clock.instant(), level, shorten(message), shorten(fields)));
    }

    static Map<String, String> shorten(Map<String, String> fields) {
        Map<String, String> shortened = new HashMap<>();
        fields.forEach((key, value) -> shortened.put(key, shorten(value)));
        return shortened;
    }

    static String shorten(String text) {
        return text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT) + "...";
    }
}
