package dev.holt.node.runtime;

/**
 * The guest has something that the engine can't write into a memory image: the message says what. It is as it was, and its file system
 * can still be kept.
 */
public final class CheckpointRefused extends RuntimeFailure {
    private static final long serialVersionUID = 1L;

    public CheckpointRefused(String message) {
        super(message);
    }
}
