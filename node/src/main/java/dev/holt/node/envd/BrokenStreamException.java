package dev.holt.node.envd;

/**
 * An answer that can't be brought to a good end: its connection must break, because clients take a clean end for a complete
 * answer. Also thrown when the client itself has gone, and nobody is there to be told anything.
 */
final class BrokenStreamException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    BrokenStreamException(String message) {
        super(message);
    }

    BrokenStreamException(String message, Throwable cause) {
        super(message, cause);
    }
}
