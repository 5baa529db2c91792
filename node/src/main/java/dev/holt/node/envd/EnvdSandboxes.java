package dev.holt.node.envd;

import dev.holt.wire.id.SandboxId;
import java.util.Optional;

/** Where the envd service finds its sandboxes; the node's lifecycle implements it. */
public interface EnvdSandboxes {
    /** The sandbox if it runs. */
    Optional<EnvdSandbox> find(SandboxId id);
}
