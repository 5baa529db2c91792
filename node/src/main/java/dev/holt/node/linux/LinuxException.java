package dev.holt.node.linux;

/** The kernel refused something: what was asked, and what it said. */
public final class LinuxException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public LinuxException(String message) {
        super(message);
    }

    public LinuxException(String message, Throwable cause) {
        super(message, cause);
    }

    static LinuxException of(String asked, long errno) {
        return new LinuxException(asked + ": " + Libc.message(errno));
    }
}
