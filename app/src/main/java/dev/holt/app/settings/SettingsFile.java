package dev.holt.app.settings;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.dataformat.yaml.YAMLFactory;

/**
 * Reads a settings file into texts by key, with the line of each. Nested mappings are joined with dots, so
 * {@code control: {listen: ...}} and {@code control.listen: ...} are the same; a list is its elements with commas.
 */
final class SettingsFile {
    /** The text of a key and the line it stands on. */
    record Entry(String text, int line) {}

    private final Path path;
    private final JsonParser parser;
    private final Map<String, Entry> entries = new LinkedHashMap<>();

    private SettingsFile(Path path, JsonParser parser) {
        this.path = path;
        this.parser = parser;
    }

    /** @throws SettingsException when the file can't be read, is no YAML mapping or sets a key twice */
    static Map<String, Entry> read(Path path) {
        String text;
        try {
            text = Files.readString(path);
        } catch (NoSuchFileException e) {
            throw new SettingsException("The settings file " + path + " does not exist");
        } catch (IOException e) {
            throw new SettingsException("The settings file " + path + " can't be read: " + e);
        }
        try (JsonParser parser = new YAMLFactory().createParser(tools.jackson.core.ObjectReadContext.empty(), text)) {
            return new SettingsFile(path, parser).read();
        } catch (JacksonException e) {
            throw new SettingsException("The settings file " + path + " is no valid YAML at line "
                    + e.getLocation().getLineNr() + ": "
                    + e.getOriginalMessage().lines().findFirst().orElse(""));
        }
    }

    private Map<String, Entry> read() {
        JsonToken first = parser.nextToken();
        if (first == null) {
            return entries;
        }
        if (first != JsonToken.START_OBJECT) {
            throw new SettingsException(place(line()) + " must be a mapping of settings such as `log-level: info`");
        }
        readMapping("");
        if (parser.nextToken() != null) {
            throw new SettingsException(place(line()) + " starts a second document; a settings file has one");
        }
        return entries;
    }

    private void readMapping(String prefix) {
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String key = prefix + parser.currentName();
            int line = line();
            switch (parser.nextToken()) {
                case START_OBJECT -> readMapping(key + ".");
                case START_ARRAY -> put(key, readList(key), line);
                case VALUE_NULL -> throw new SettingsException(place(line) + ": " + key + " has no value");
                default -> put(key, parser.getString(), line);
            }
        }
    }

    private String readList(String key) {
        StringBuilder joined = new StringBuilder();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (!parser.currentToken().isScalarValue()) {
                throw new SettingsException(place(line()) + ": " + key + " must be a list of plain values");
            }
            joined.append(joined.isEmpty() ? "" : ",").append(parser.getString());
        }
        return joined.toString();
    }

    private void put(String key, String text, int line) {
        Entry before = entries.putIfAbsent(key, new Entry(text, line));
        if (before != null) {
            throw new SettingsException(place(line) + ": " + key + " is already set at line " + before.line());
        }
    }

    private int line() {
        return parser.currentTokenLocation().getLineNr();
    }

    private String place(int line) {
        return path + " line " + line;
    }
}
