package dev.holt.control.template;

import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a client calls a template or a snapshot: {@code [namespace/]name[:tag]}, upper case taken as lower. */
public record TemplateName(Optional<String> namespace, String name, Optional<String> tag) {
    /** What a name without a tag means. */
    public static final String DEFAULT_TAG = "default";

    private static final Pattern VALID =
            Pattern.compile("(?:([a-z0-9_-]{1,64})/)?([a-z0-9][a-z0-9_-]{0,127})(?::([a-z0-9._-]{1,128}))?");

    /** @throws ApiException 400 that names {@code field} */
    public static TemplateName parse(String text, String field) {
        Matcher matcher = VALID.matcher(text.strip().toLowerCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw ApiException.invalid(
                    field,
                    "a template is a name of a-z, 0-9, '_' and '-', if need be as namespace/name or name:tag; got '"
                            + Validator.shorten(text) + "'");
        }
        return new TemplateName(
                Optional.ofNullable(matcher.group(1)), matcher.group(2), Optional.ofNullable(matcher.group(3)));
    }

    /** The tag, said or not. */
    public String tagOrDefault() {
        return tag.orElse(DEFAULT_TAG);
    }
}
