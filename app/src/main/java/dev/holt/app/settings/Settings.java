package dev.holt.app.settings;

import java.util.Map;

/** The value of every {@link Setting} of the table, with the place that each came from. Made by {@link SettingsReader}. */
public final class Settings {
    /** Where a value that nobody set comes from. */
    static final String BY_DEFAULT = "default";

    /**
     * One value.
     *
     * @param value parsed
     * @param text as it was written
     * @param source the flag, variable or line of the file, or {@code default}
     */
    record Sourced(Object value, String text, String source) {}

    private final Map<Setting<?>, Sourced> values;

    Settings(Map<Setting<?>, Sourced> values) {
        this.values = Map.copyOf(values);
    }

    /** The value of a setting of the table. */
    @SuppressWarnings("unchecked") // the reader put in what this setting's own parser made
    public <T> T get(Setting<T> setting) {
        return (T) sourced(setting).value();
    }

    /** Where the value came from, in words for an error message. */
    public String source(Setting<?> setting) {
        return sourced(setting).source();
    }

    /** Whether somebody set it. */
    public boolean isSet(Setting<?> setting) {
        return !sourced(setting).source().equals(BY_DEFAULT);
    }

    private Sourced sourced(Setting<?> setting) {
        Sourced sourced = values.get(setting);
        if (sourced == null) {
            throw new IllegalArgumentException(setting.key() + " is not in the table of settings");
        }
        return sourced;
    }
}
