package dev.holt.nodeapi;

import java.time.Instant;
import java.util.Map;

/**
 * Something that happened to a sandbox, and why.
 *
 * @param type what happened
 * @param message one sentence for a person: what, by whom or by what cause
 * @param fields details for programs: {@code cause} (api, timeout, traffic, reaper, crash, restart ...), {@code port}, {@code memory},
 *     {@code snapshot}, {@code fallback}, {@code milliseconds}, {@code problem}
 */
public record SandboxEvent(Instant time, Type type, String message, Map<String, String> fields) {
    /** What happened. */
    public enum Type {
        CREATED("created"),
        TIMEOUT_CHANGED("timeout-changed"),
        PAUSING("pausing"),
        PAUSED("paused"),
        PAUSE_FAILED("pause-failed"),
        RESUMING("resuming"),
        RESUMED("resumed"),
        RESUME_FAILED("resume-failed"),
        FELL_BACK("fell-back"),
        SNAPSHOT_CREATED("snapshot-created"),
        SNAPSHOT_FAILED("snapshot-failed"),
        FORKED("forked"),
        ROLLED_BACK("rolled-back"),
        ROLLBACK_FAILED("rollback-failed"),
        LOST("lost"),
        RECOVERED("recovered"),
        ADOPTED("adopted"),
        KILLED("killed"),
        ENDED("ended");

        private final String wireName;

        Type(String wireName) {
            this.wireName = wireName;
        }

        public String wireName() {
            return wireName;
        }
    }

    public SandboxEvent {
        fields = Map.copyOf(fields);
    }
}
