package dev.holt.node.interpreter;

import dev.holt.wire.id.SandboxId;
import java.util.Optional;

/** Where the interpreter service finds its sandboxes; the node's lifecycle implements it. */
public interface InterpreterSandboxes {
    /** The sandbox if it runs. */
    Optional<InterpreterSandbox> find(SandboxId id);
}
