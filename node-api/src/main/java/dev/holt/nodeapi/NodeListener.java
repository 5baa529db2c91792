package dev.holt.nodeapi;

import dev.holt.wire.id.SandboxId;
import java.time.Instant;

/** Hears what happens to sandboxes. Called on the node's threads: must return quickly and not throw. */
public interface NodeListener {
    /** A create was answered. */
    void started(SandboxStatus sandbox);

    /** Its state, deadline or anything else of its status is another; called for each state on the way, in order. */
    default void changed(SandboxStatus sandbox) {}

    /** Nothing of the sandbox runs any more. */
    void ended(SandboxId sandbox, EndReason reason, Instant when);
}
