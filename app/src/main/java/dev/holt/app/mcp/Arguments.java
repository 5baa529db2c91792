package dev.holt.app.mcp;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The arguments of one call, which its tool's schema has checked: kinds and ranges are as it says. */
record Arguments(Map<String, Object> values) {
    static final String SANDBOX = "sandbox_id";

    String sandbox() {
        return text(SANDBOX);
    }

    /** A string that the schema requires. */
    String text(String name) {
        return optionalText(name).orElseThrow(() -> new IllegalStateException("the schema did not require " + name));
    }

    String text(String name, String usual) {
        return optionalText(name).orElse(usual);
    }

    Optional<String> optionalText(String name) {
        return Optional.ofNullable(values.get(name)).map(String::valueOf);
    }

    long number(String name, long usual) {
        // 30.0 is an integer to JSON schema, too
        return values.get(name) instanceof Number number ? number.longValue() : usual;
    }

    boolean truth(String name, boolean usual) {
        return values.get(name) instanceof Boolean truth ? truth : usual;
    }

    Map<String, String> strings(String name) {
        Map<String, String> strings = new LinkedHashMap<>();
        if (values.get(name) instanceof Map<?, ?> map) {
            map.forEach((key, value) -> strings.put(String.valueOf(key), String.valueOf(value)));
        }
        return strings;
    }

    List<String> words(String name) {
        return values.get(name) instanceof List<?> list
                ? list.stream().map(String::valueOf).toList()
                : List.of();
    }
}
