package dev.holt.nodeapi;

import java.time.Duration;

/**
 * What happens at a sandbox's deadline, and what may wake it from a pause.
 *
 * @param onTimeout what the node does when the deadline comes
 * @param keepMemory whether a pause at the deadline keeps the memory
 * @param autoResume whether traffic resumes it; needs {@code keepMemory}
 * @param timeout how long it was last asked to live, at least one second: what a resume by traffic gives it anew, see {@link Node#wake}
 */
public record Lifecycle(OnTimeout onTimeout, boolean keepMemory, boolean autoResume, Duration timeout) {
    /** What the node does when a sandbox's deadline comes. */
    public enum OnTimeout {
        KILL("kill"),
        PAUSE("pause");

        private final String wireName;

        OnTimeout(String wireName) {
            this.wireName = wireName;
        }

        public String wireName() {
            return wireName;
        }
    }

    public Lifecycle {
        if (autoResume && (onTimeout == OnTimeout.PAUSE && !keepMemory)) {
            throw new IllegalArgumentException("autoResume needs a pause that keeps the memory");
        }
    }

    /** Killed at its deadline. */
    public static Lifecycle killed(Duration timeout) {
        return new Lifecycle(OnTimeout.KILL, true, false, timeout);
    }

    /** The same with another timeout. */
    public Lifecycle withTimeout(Duration other) {
        return new Lifecycle(onTimeout, keepMemory, autoResume, other);
    }
}
