package dev.holt.control.contract;

import java.util.List;
import java.util.Optional;

/**
 * One method of one path.
 *
 * @param id its name in {@code openapi.yml}
 * @param segments the path between slashes; {@code {name}} stands for any one segment
 * @param parameters of the query and the headers
 */
public record Operation(
        String id,
        String method,
        List<String> segments,
        Scope scope,
        List<Parameter> parameters,
        Optional<RequestBody> body) {
    public Operation {
        segments = List.copyOf(segments);
        parameters = List.copyOf(parameters);
    }

    /** What the request's body must be. */
    public record RequestBody(boolean required, Validator validator) {}
}
