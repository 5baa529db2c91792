package dev.holt.node.image;

/** A template, disk or root file system could not be made or freed: which one, and why. */
public final class ImageFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public ImageFailure(String message) {
        super(message);
    }

    public ImageFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
