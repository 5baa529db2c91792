package dev.holt.control.sandbox;

import dev.holt.nodeapi.SandboxStatus;
import java.util.Optional;

/**
 * What the database remembers of a sandbox: what its node told, and what only control knows.
 *
 * @param internetAccess as the client said, if it did
 * @param idempotency key and hash of the request that made it
 */
record SandboxRow(
        SandboxStatus sandbox,
        boolean secure,
        Optional<Boolean> internetAccess,
        Optional<Boolean> publicTraffic,
        String envdVersion,
        Optional<Idempotency> idempotency) {
    record Idempotency(String key, String requestHash) {}
}
