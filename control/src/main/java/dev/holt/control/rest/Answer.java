package dev.holt.control.rest;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A successful answer.
 *
 * @param body becomes JSON, unless it is a {@link Text}
 */
public record Answer(int status, Optional<Object> body, Map<String, String> headers) {
    public Answer {
        headers = Map.copyOf(headers);
    }

    /** A body that is not JSON. */
    public record Text(String contentType, String content) {}

    public static Answer ok(Object body) {
        return new Answer(200, Optional.of(body), Map.of());
    }

    public static Answer created(Object body) {
        return new Answer(201, Optional.of(body), Map.of());
    }

    public static Answer noContent() {
        return new Answer(204, Optional.empty(), Map.of());
    }

    public Answer withHeader(String name, String value) {
        Map<String, String> more = new LinkedHashMap<>(headers);
        more.put(name, value);
        return new Answer(status, body, more);
    }
}
