package dev.holt.control.sandbox;

import dev.holt.control.contract.ApiException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The {@code metadata} parameter of lists: {@code k=v&k2=v2}. SDKs encode each key and value twice before the query string
 * as a whole is encoded; people with curl do it once. Both are understood.
 */
record MetadataFilter(Map<String, String> wanted) {
    static final MetadataFilter NONE = new MetadataFilter(Map.of());

    private static final String FIELD = "metadata";

    static MetadataFilter parse(String text) {
        Map<String, String> wanted = new LinkedHashMap<>();
        for (String pair : text.split("&", -1)) {
            if (pair.isEmpty()) {
                continue;
            }
            int equals = pair.indexOf('=');
            if (equals < 1) {
                throw ApiException.invalid(FIELD, "pairs of the form key=value, joined by &, expected");
            }
            wanted.put(decode(pair.substring(0, equals)), decode(pair.substring(equals + 1)));
        }
        return new MetadataFilter(Map.copyOf(wanted));
    }

    boolean matches(Map<String, String> metadata) {
        return wanted.entrySet().stream().allMatch(entry -> entry.getValue().equals(metadata.get(entry.getKey())));
    }

    private static String decode(String text) {
        try {
            String once = URLDecoder.decode(text, StandardCharsets.UTF_8);
            try {
                // A plus sign that the first round left is one that was meant.
                return URLDecoder.decode(once.replace("+", "%2B"), StandardCharsets.UTF_8);
            } catch (IllegalArgumentException e) {
                return once;
            }
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid(FIELD, "a % must be followed by two hexadecimal digits");
        }
    }
}
