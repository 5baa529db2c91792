package dev.holt.node;

import dev.holt.node.guest.GuestAgent;
import dev.holt.node.pool.Lease;
import dev.holt.wire.id.SandboxId;

/** What is done in a sandbox that is made ahead of need, so that its owner's first request finds it done. */
public interface WarmUp {
    /** Nothing. */
    WarmUp NONE = (sandbox, agent) -> () -> {};

    /**
     * Called once its agent answers, before it is stopped or written away to wait for its owner. Returns when everything is ready; must
     * not fail, since a sandbox that is only less warm serves too.
     *
     * @return closed when the sandbox is gone
     */
    Lease warm(SandboxId sandbox, GuestAgent agent);
}
