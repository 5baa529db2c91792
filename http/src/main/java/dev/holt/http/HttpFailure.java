package dev.holt.http;

import java.util.Optional;

/** An answer that is an error, thrown by whoever finds out and written by {@link JsonAnswer#failure}. */
public final class HttpFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient ErrorBody body;

    public HttpFailure(int status, String message) {
        this(new ErrorBody(status, message));
    }

    public HttpFailure(int status, String errorCode, String message) {
        this(new ErrorBody(status, message, Optional.of(errorCode)));
    }

    public HttpFailure(ErrorBody body) {
        super(body.message());
        this.body = body;
    }

    /** What to answer; its code is the HTTP status. */
    public ErrorBody body() {
        return body;
    }
}
