package dev.holt.node.network;

/** The host's network can't be prepared as configured: what was found, and what to change. */
public final class NetworkFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public NetworkFailure(String message) {
        super(message);
    }

    public NetworkFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
