package dev.holt.control.rest;

import dev.holt.control.access.Caller;
import dev.holt.control.access.Team;
import dev.holt.control.contract.Operation;
import dev.holt.control.contract.Parameter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.eclipse.jetty.http.HttpFields;
import tools.jackson.databind.JsonNode;

/**
 * One request, authenticated and checked against the contract.
 *
 * @param path what stood for each {@code {name}} of the path
 * @param parameters those that were given
 * @param body an empty object when there was none
 */
public record Call(
        Operation operation,
        Caller caller,
        Map<String, String> path,
        Map<String, JsonNode> parameters,
        JsonNode body,
        HttpFields headers) {
    public Team team() {
        return caller.team();
    }

    /** What stood for {@code {name}} in the path. */
    public String segment(String name) {
        String value = path.get(name);
        if (value == null) {
            throw new IllegalStateException(operation.id() + " has no path parameter " + name);
        }
        return value;
    }

    public Optional<String> text(String parameter) {
        return value(parameter).map(JsonNode::asString);
    }

    public OptionalLong number(String parameter) {
        return value(parameter).map(JsonNode::asLong).map(OptionalLong::of).orElse(OptionalLong.empty());
    }

    /** The entries of a list parameter; empty when it was not given. */
    public List<String> list(String parameter) {
        return value(parameter)
                .map(list -> list.valueStream().map(JsonNode::asString).toList())
                .orElse(List.of());
    }

    private Optional<JsonNode> value(String parameter) {
        if (operation.parameters().stream().map(Parameter::name).noneMatch(parameter::equals)) {
            throw new IllegalStateException(operation.id() + " has no parameter " + parameter);
        }
        return Optional.ofNullable(parameters.get(parameter));
    }
}
