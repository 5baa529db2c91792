package dev.holt.edge;

import dev.holt.nodeapi.SandboxStatus;
import java.util.Optional;

/** Brings back a sandbox that does not run when traffic comes for it. Many may ask at once; they are served by one resume. */
@FunctionalInterface
public interface Waker {
    /**
     * Returns when the sandbox runs, or waits no longer; see {@link dev.holt.nodeapi.Node#wake}.
     *
     * @return empty when it runs; else why its owner's quotas forbid it
     * @throws dev.holt.nodeapi.NodeException as {@link dev.holt.nodeapi.Node#wake}
     */
    Optional<String> wake(SandboxStatus sandbox, int port);
}
