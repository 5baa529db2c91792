package dev.holt.node.guest;

/**
 * What the agent was asked for did not happen. {@link GuestUnreachable} when it could not even be asked, or was not heard to
 * the end; {@link Errno#EPROTO} when it answered something that the protocol does not allow, which a hostile guest may do.
 */
public sealed class GuestFailure extends RuntimeException permits GuestUnreachable {
    private static final long serialVersionUID = 1L;

    private final int number;
    private final String text;

    /** A failure that the agent told of, with its Linux error number. */
    public GuestFailure(int number, String message) {
        super(message);
        this.number = number;
        this.text = message;
    }

    /** A failure found on this side. */
    public GuestFailure(Errno errno, String message) {
        this(errno.number(), message);
    }

    GuestFailure(Errno errno, String message, Throwable cause) {
        super(message, cause);
        this.number = errno.number();
        this.text = message;
    }

    /** What happened to what, in the agent's words or ours. */
    public String text() {
        return text;
    }

    /** The kind of failure. */
    public Errno errno() {
        return Errno.of(number);
    }

    /** The Linux error number as the agent gave it. */
    public int number() {
        return number;
    }

    static GuestFailure protocol(String message) {
        return new GuestFailure(Errno.EPROTO, "the guest agent broke its protocol: " + message);
    }
}
