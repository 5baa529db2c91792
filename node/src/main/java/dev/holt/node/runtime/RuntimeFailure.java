package dev.holt.node.runtime;

/** An engine failed: which, at which step, and what it said. */
public sealed class RuntimeFailure extends RuntimeException permits CheckpointRefused {
    private static final long serialVersionUID = 1L;

    public RuntimeFailure(String message) {
        super(message);
    }

    public RuntimeFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
