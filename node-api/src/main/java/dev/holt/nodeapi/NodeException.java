package dev.holt.nodeapi;

import java.time.Duration;
import java.util.Optional;

/** The one exception of the node API. The message is for the person who asked: what was asked, what was found, what to do. */
public final class NodeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What kind of failure it is; callers map these, never messages. */
    public enum Kind {
        NOT_FOUND,
        INVALID,
        CONFLICT,
        FULL,
        UNAVAILABLE,
        TIMEOUT,
        INTERNAL
    }

    private final Kind kind;
    private final transient Optional<Duration> retryAfter;

    public NodeException(Kind kind, String message) {
        super(message);
        this.kind = kind;
        this.retryAfter = Optional.empty();
    }

    public NodeException(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
        this.retryAfter = Optional.empty();
    }

    private NodeException(String message, Duration retryAfter) {
        super(message);
        this.kind = Kind.FULL;
        this.retryAfter = Optional.of(retryAfter);
    }

    /** The node has no room; trying again after {@code retryAfter} may succeed. */
    public static NodeException full(String message, Duration retryAfter) {
        return new NodeException(message, retryAfter);
    }

    public Kind kind() {
        return kind;
    }

    /** When to try again, for {@link Kind#FULL}. */
    public Optional<Duration> retryAfter() {
        return retryAfter;
    }
}
