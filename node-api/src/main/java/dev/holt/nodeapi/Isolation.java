package dev.holt.nodeapi;

import java.util.Optional;

/** What stands between a sandbox and its host, weakest first. */
public enum Isolation {
    /** A container on the host's kernel (runc): for trusted code. */
    CONTAINER("container"),
    /** A user-space kernel (gVisor's runsc). */
    GVISOR("gvisor");

    private final String wireName;

    Isolation(String wireName) {
        this.wireName = wireName;
    }

    /** The name in configuration, metadata and answers. */
    public String wireName() {
        return wireName;
    }

    /** The isolation called {@code name}, or empty. */
    public static Optional<Isolation> named(String name) {
        for (Isolation isolation : values()) {
            if (isolation.wireName.equals(name)) {
                return Optional.of(isolation);
            }
        }
        return Optional.empty();
    }

    /** Whether this isolates at least as strongly as {@code weakest}. */
    public boolean atLeast(Isolation weakest) {
        return compareTo(weakest) >= 0;
    }
}
