package dev.holt.app.settings;

/** Settings that Holt will not start with. The message names the key, the place it came from and what would be right. */
public final class SettingsException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public SettingsException(String message) {
        super(message);
    }
}
