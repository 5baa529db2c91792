package dev.holt.node.guest;

import java.io.IOException;

/** The agent could not be connected to, or the connection broke before its answer: what was asked may or may not have happened. */
public sealed class GuestUnreachable extends GuestFailure permits GuestCutOff {
    private static final long serialVersionUID = 1L;

    GuestUnreachable(String message) {
        super(Errno.ECONNRESET, message);
    }

    GuestUnreachable(String message, IOException cause) {
        super(Errno.ECONNRESET, message + ": " + cause.getMessage(), cause);
    }
}
