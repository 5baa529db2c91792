package dev.holt.control.contract;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The one exception of the control room: an answer that is an error. The message is for the client's user: what was asked,
 * what was found, what to do.
 */
public final class ApiException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final transient Optional<String> errorCode;
    private final transient Map<String, String> headers;

    private ApiException(int status, String message, Optional<String> errorCode, Map<String, String> headers) {
        // No stack trace: these are answers, a client can ask for many, and their origin is in the message.
        super(message, null, false, false);
        this.status = status;
        this.errorCode = errorCode;
        this.headers = Map.copyOf(headers);
    }

    public ApiException(int status, String message) {
        this(status, message, Optional.empty(), Map.of());
    }

    /** 400 for one field of the request, named as the client wrote it. */
    public static ApiException invalid(String field, String problem) {
        return new ApiException(400, field + ": " + problem);
    }

    public static ApiException notFound(String message) {
        return new ApiException(404, message);
    }

    /** The same error with E2B's machine-readable code. */
    public ApiException withErrorCode(String code) {
        return new ApiException(status, message(), Optional.of(code), headers);
    }

    /** The same error with a Retry-After of at least one second. */
    public ApiException retryAfter(Duration delay) {
        return withHeader(
                "Retry-After", Long.toString(Math.max(1, delay.plusMillis(999).toSeconds())));
    }

    public ApiException withHeader(String name, String value) {
        Map<String, String> more = new LinkedHashMap<>(headers);
        more.put(name, value);
        return new ApiException(status, message(), errorCode, more);
    }

    /** The HTTP status, 400 to 599. */
    public int status() {
        return status;
    }

    public String message() {
        return String.valueOf(getMessage());
    }

    public Optional<String> errorCode() {
        return errorCode;
    }

    public Map<String, String> headers() {
        return headers;
    }
}
