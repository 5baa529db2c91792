package dev.holt.nodeapi;

import java.time.Instant;
import java.util.Map;

/** One line of a sandbox's log. */
public record LogEntry(Instant timestamp, Level level, String message, Map<String, String> fields) {
    /** How grave a line is, least first. */
    public enum Level {
        DEBUG,
        INFO,
        WARN,
        ERROR
    }

    public LogEntry {
        fields = Map.copyOf(fields);
    }
}
