package dev.holt.node.interpreter.jupyter;

/**
 * The channels of a kernel that are used here. Heartbeat is not: whether a kernel lives is
 * asked of the guest agent, which sees its process.
 */
public enum Channel {
    /** Requests to run code and their replies. */
    SHELL,
    /** What the code puts out, for all who listen. */
    IOPUB,
    /** Requests that overtake those of the shell. Connected when it is first used. */
    CONTROL,
    /** Questions of the code to the person who runs it, and the answers. Only where there is such a person. */
    STDIN
}
