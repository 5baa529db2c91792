package dev.holt.http;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Optional;

/**
 * The JSON body of every error that Holt itself answers.
 *
 * @param code the HTTP status, 400 to 599
 * @param message for the person who asked: what was asked, what was found, what to do
 * @param errorCode a stable name for programs, left out when absent
 */
public record ErrorBody(
        int code,
        String message,
        @JsonProperty("error_code") Optional<String> errorCode) {
    public ErrorBody(int code, String message) {
        this(code, message, Optional.empty());
    }
}
