package dev.holt.control.rest;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.holt.control.contract.ApiException;
import dev.holt.nodeapi.NodeException;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How failures look from outside: {@code {code, message, error_code?}}, as an answer or within one. */
public final class Failures {
    private static final Logger log = LoggerFactory.getLogger(Failures.class);
    private static final Duration RETRY_SOON = Duration.ofSeconds(1);

    private Failures() {}

    /** The body of an error. */
    public record Body(
            int code,
            String message,
            @JsonProperty("error_code") Optional<String> errorCode) {}

    public static Body body(ApiException e) {
        return new Body(e.status(), e.message(), e.errorCode());
    }

    /**
     * What a client hears of any failure; what it does not hear is logged.
     *
     * @param doing names what failed, for the log
     */
    public static ApiException of(RuntimeException e, String doing) {
        if (e instanceof ApiException known) {
            return known;
        }
        if (e instanceof NodeException node) {
            if (node.kind() == NodeException.Kind.INTERNAL) {
                log.error("{} failed on the node", doing, e);
            }
            return ofNode(node, "sandbox_create_failed");
        }
        log.error("{} failed", doing, e);
        return new ApiException(500, "internal error; the server's log says more")
                .withErrorCode("internal_server_error");
    }

    /** @param unavailableCode E2B's kind of machine-readable code for what the node could not do */
    public static ApiException ofNode(NodeException e, String unavailableCode) {
        String message = String.valueOf(e.getMessage());
        return switch (e.kind()) {
            case NOT_FOUND -> new ApiException(404, message);
            case INVALID -> new ApiException(400, message);
            case CONFLICT -> new ApiException(409, message);
            case FULL ->
                new ApiException(503, message)
                        .withErrorCode("sandbox_capacity_unavailable")
                        .retryAfter(e.retryAfter().orElse(RETRY_SOON));
            case UNAVAILABLE ->
                new ApiException(503, message).withErrorCode(unavailableCode).retryAfter(RETRY_SOON);
            case TIMEOUT -> new ApiException(504, message).withErrorCode("sandbox_placement_timeout");
            case INTERNAL ->
                new ApiException(500, "the node failed; the server's log says more")
                        .withErrorCode("internal_server_error");
        };
    }
}
