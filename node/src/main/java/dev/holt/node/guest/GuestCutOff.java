package dev.holt.node.guest;

/** The node has cut this guest off, because it is being paused for example: the text says why. Asking again is of no use. */
public final class GuestCutOff extends GuestUnreachable {
    private static final long serialVersionUID = 1L;

    GuestCutOff(String reason) {
        super(reason);
    }
}
