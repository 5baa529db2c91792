package dev.holt.node.interpreter.jupyter;

/** What went wrong between this host and a kernel. */
public final class KernelFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Told apart by what they mean for the code that was running. */
    public enum Kind {
        /** The connection broke, or could not be made. The kernel may have died, or the sandbox been paused. */
        DISCONNECTED,
        /** The connection broke, and code ended before there was another. */
        UNHEARD,
        /** The kernel sent more than Holt keeps in memory; the connection was given up. */
        TOO_LARGE,
        /** What came is no Jupyter message, though it was signed like one. */
        MALFORMED,
        /** The kernel takes no code: it does not come back from what it runs, or its process is stopped. */
        NOT_RESPONDING,
        /** The kernel's process ended. */
        DIED,
        /** Somebody restarted the context. */
        RESTARTED,
        /** Somebody removed the context. */
        REMOVED,
        /** The sandbox is being paused or returned to a snapshot. */
        CUT_OFF,
        /** The sandbox ended: nobody is to be told anything. */
        FORGOTTEN;

        /** Whether it is about the sandbox and not about one kernel. */
        public boolean isOfSandbox() {
            return this == CUT_OFF || this == FORGOTTEN;
        }
    }

    private final Kind kind;

    public KernelFailure(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public KernelFailure(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }

    /** What happened, for the person whose code it was. */
    public String text() {
        return String.valueOf(getMessage());
    }
}
