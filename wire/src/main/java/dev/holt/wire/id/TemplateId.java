package dev.holt.wire.id;

import java.util.Optional;
import java.util.regex.Pattern;

/** Identifies a template: 1 to 64 characters of {@code a-z0-9_-}, the first a letter or digit. */
public record TemplateId(String value) {
    private static final Pattern VALID = Pattern.compile("[a-z0-9][a-z0-9_-]{0,63}");

    public TemplateId {
        if (!VALID.matcher(value).matches()) {
            throw new IllegalArgumentException(
                    "a template id is 1 to 64 characters of a-z, 0-9, '_' and '-'; got '" + value + "'");
        }
    }

    /** The id that {@code text} spells, or empty when it is none. */
    public static Optional<TemplateId> parse(String text) {
        return VALID.matcher(text).matches() ? Optional.of(new TemplateId(text)) : Optional.empty();
    }

    @Override
    public String toString() {
        return value;
    }
}
