package dev.holt.node.process;

/** A tool of the host could not be run, said no, or took too long: which one, with which arguments, and what it said. */
public final class CommandFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public CommandFailure(String message) {
        super(message);
    }

    public CommandFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
