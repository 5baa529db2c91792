package dev.holt.nodeapi;

import java.util.Optional;

/**
 * How a sandbox came to run.
 *
 * @param sandbox as it runs now
 * @param way how it was brought back
 * @param fallback when something better was there and could not be used: what, and why; told to the client and noted as an event
 */
public record Resumed(SandboxStatus sandbox, Way way, Optional<String> fallback) {
    /** How a sandbox was brought back, best first. */
    public enum Way {
        /** It ran already. */
        RAN("ran"),
        /** Its memory is as it was. */
        RESTORED("restored"),
        /** It runs as at an earlier pause, with the memory and the file system of then. */
        PREVIOUS("previous-generation"),
        /** It was booted afresh from its file system. */
        BOOTED("booted");

        private final String wireName;

        Way(String wireName) {
            this.wireName = wireName;
        }

        public String wireName() {
            return wireName;
        }
    }
}
