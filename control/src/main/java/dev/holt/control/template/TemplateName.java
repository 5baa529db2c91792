package dev.holt.control.template;

import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a client calls a template: {@code [namespace/]name[:tag]}, upper case taken as lower. */
record TemplateName(Optional<String> namespace, String name, Optional<String> tag) {
    private static final Pattern VALID =
            Pattern.compile("(?:([a-z0-9_-]{1,64})/)?([a-z0-9][a-z0-9_-]{0,63})(?::([a-z0-9._-]{1,128}))?");

    /** @throws ApiException 400 that names {@code field} */
    static TemplateName parse(String text, String field) {
        Matcher matcher = VALID.matcher(text.toLowerCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw ApiException.invalid(
                    field,
                    "a template is a name of a-z, 0-9, '_' and '-', if need be as namespace/name or name:tag; got '"
                            + Validator.shorten(text) + "'");
        }
        return new TemplateName(
                Optional.ofNullable(matcher.group(1)), matcher.group(2), Optional.ofNullable(matcher.group(3)));
    }
}
