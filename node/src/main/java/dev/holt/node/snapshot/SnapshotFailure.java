package dev.holt.node.snapshot;

/** Something kept of a sandbox is missing or damaged, or could not be written: which file, and what is wrong with it. */
public final class SnapshotFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public SnapshotFailure(String message) {
        super(message);
    }

    public SnapshotFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
