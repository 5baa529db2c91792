package dev.holt.node.logs;

import dev.holt.nodeapi.LogEntry;
import java.util.Map;

/** Where the story of one sandbox is written: starts and ends of processes, of the sandbox itself, and what the reaper did. */
public interface SandboxLog {
    /** Adds a line with the present time. Never blocks on a full store and never fails: old lines give way. */
    void write(LogEntry.Level level, String message, Map<String, String> fields);
}
