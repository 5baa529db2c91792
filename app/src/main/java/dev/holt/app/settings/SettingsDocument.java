package dev.holt.app.settings;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes docs/configuration.md from the table, so that the document can't differ from what the code takes. */
public final class SettingsDocument {
    private static final String HEAD = """
            # Configuration

            <!-- Generated from SettingsTable; a test compares. To renew it: ./holt document-settings docs/configuration.md -->

            A setting is taken from the first of these that has it: its flag, its environment variable, the settings file, its
            default. The file is YAML at `/etc/holt/holt.yaml`, or where `--config` or `HOLT_CONFIG` says; it need not exist.
            Dots in a key may be written as nesting:

            ```yaml
            log-level: debug
            control:
              listen: 127.0.0.1:3000
            traffic.listen: [127.0.0.1:49983, 127.0.0.1:49999]
            ```

            Lists are written with commas in variables and flags. A key or a `HOLT_` variable that does not exist, a key
            given twice and a value out of its range stop the start with a message that names each of them and its place.

            | key | default | unit | range | what it does |
            |---|---|---|---|---|
            """;
    private static final String TAIL = """

            The variable of a key is `HOLT_` and the key in capitals with `_` for every other character: `HOLT_CONTROL_LISTEN`.
            Its flag is the key with dashes for dots: `--control-listen`.

            Three more variables are read before the settings:

            | variable | what it does |
            |---|---|
            | `HOLT_CONFIG` | the settings file |
            | `HOLT_JAVA_OPTIONS` | options for the JVM after Holt's own, such as `-Xmx1g` |
            | `HOLT_HOME` | set by the `holt` script: the directory that it stands in |
            """;

    private SettingsDocument() {}

    /** The whole text. */
    public static String text() {
        StringBuilder text = new StringBuilder(HEAD);
        for (Setting<?> setting : SettingsTable.ALL) {
            text.append("| `").append(setting.key()).append("` | ");
            text.append(setting.defaultText().isEmpty() ? "" : "`" + setting.defaultText() + "`");
            text.append(" | ").append(setting.syntax().unit());
            text.append(" | ").append(setting.syntax().range().replace("|", "\\|"));
            text.append(" | ").append(setting.description().replace("|", "\\|")).append(" |\n");
        }
        return text.append(TAIL).toString();
    }

    /** Writes the text to {@code file}. */
    public static void write(Path file) throws IOException {
        Files.writeString(file, text());
    }
}
