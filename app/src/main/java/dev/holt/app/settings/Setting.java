package dev.holt.app.settings;

import java.util.Locale;
import java.util.Objects;

/**
 * One thing that an operator can set.
 *
 * @param key its name in the file, such as {@code control.listen}
 * @param syntax what its text must look like
 * @param defaultText its text when nobody sets it
 * @param description what it does, for the documentation and {@code --help}
 */
public record Setting<T>(String key, Syntax<T> syntax, String defaultText, String description) {
    public Setting {
        Objects.requireNonNull(syntax.parser().apply(defaultText));
    }

    /** Its environment variable, such as {@code HOLT_CONTROL_LISTEN}. */
    public String variable() {
        return "HOLT_" + key.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
    }

    /** Its flag, such as {@code --control-listen}. */
    public String flag() {
        return "--" + key.replace('.', '-');
    }
}
