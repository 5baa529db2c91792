package dev.holt.edge.relay;

/** An exchange that failed before anything was answered: whoever catches it answers. */
public final class RelayFailure extends Exception {
    private static final long serialVersionUID = 1L;

    /** What went wrong. */
    public enum Kind {
        /** The sandbox is gone. */
        NO_SANDBOX,
        /** The sandbox does not run and was not made to. */
        NOT_RUNNING,
        /** Nothing listens on the port. */
        PORT_CLOSED,
        /** The sandbox has as many exchanges under way as it may. */
        TOO_MANY,
        /** The server in the sandbox did not answer with valid HTTP. */
        BAD_SERVER
    }

    private final Kind kind;

    RelayFailure(Kind kind, String problem) {
        super(problem);
        this.kind = kind;
    }

    RelayFailure(Kind kind, String problem, Throwable cause) {
        super(problem, cause);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }

    /** What was wrong, for the person who asked; says nothing of the host. */
    public String problem() {
        String message = getMessage();
        return message == null ? kind.name() : message;
    }
}
