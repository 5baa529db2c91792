package dev.holt.app.settings;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Reads every setting of the table from flags, then HOLT_ variables, then the file, then its default. All mistakes are
 * collected, so that an operator mends them in one go.
 */
public final class SettingsReader {
    /** The file that is read when neither {@code --config} nor {@code HOLT_CONFIG} names one; it need not exist. */
    public static final Path DEFAULT_FILE = Path.of("/etc/holt/holt.yaml");

    /** Variables with Holt's prefix that are no settings: they are read before settings can be. */
    public static final Set<String> OTHER_VARIABLES = Set.of("HOLT_CONFIG", "HOLT_HOME", "HOLT_JAVA_OPTIONS");

    private final List<Setting<?>> table;
    private final Map<String, String> flags;
    private final Map<String, String> variables;
    private final Optional<Path> file;
    private final List<String> mistakes = new ArrayList<>();

    private SettingsReader(
            List<Setting<?>> table, Map<String, String> flags, Map<String, String> variables, Optional<Path> file) {
        this.table = table;
        this.flags = flags;
        this.variables = variables;
        this.file = file;
    }

    /**
     * Reads the settings of {@link SettingsTable}.
     *
     * @param flags the texts of the flags that were given, by key
     * @param variables the process's environment
     * @param namedFile the file that {@code --config} names, if it does
     * @throws SettingsException that names every unknown key and every bad value
     */
    public static Settings read(Map<String, String> flags, Map<String, String> variables, Optional<Path> namedFile) {
        Optional<Path> file = namedFile
                .or(() -> Optional.ofNullable(variables.get("HOLT_CONFIG"))
                        .filter(text -> !text.isEmpty())
                        .map(Path::of))
                .or(() -> Optional.of(DEFAULT_FILE).filter(Files::exists));
        return new SettingsReader(SettingsTable.ALL, flags, variables, file).read();
    }

    private Settings read() {
        Map<String, SettingsFile.Entry> entries = file.map(SettingsFile::read).orElse(Map.of());
        refuseUnknownKeys(entries);
        refuseUnknownVariables();
        Map<Setting<?>, Settings.Sourced> values = new HashMap<>();
        for (Setting<?> setting : table) {
            values.put(setting, value(setting, entries));
        }
        if (!mistakes.isEmpty()) {
            throw new SettingsException(String.join(System.lineSeparator(), mistakes));
        }
        return new Settings(values);
    }

    private void refuseUnknownKeys(Map<String, SettingsFile.Entry> entries) {
        List<String> known = table.stream().map(Setting::key).toList();
        entries.forEach((key, entry) -> {
            if (!known.contains(key)) {
                mistakes.add(place(entry) + ": there is no setting " + key + suggestion(key, known));
            }
        });
    }

    private void refuseUnknownVariables() {
        List<String> known = new ArrayList<>(OTHER_VARIABLES);
        table.forEach(setting -> known.add(setting.variable()));
        for (String name : new TreeMap<>(variables).keySet()) {
            if (name.startsWith("HOLT_") && !known.contains(name)) {
                mistakes.add("Environment: there is no variable " + name + suggestion(name, known));
            }
        }
    }

    private Settings.Sourced value(Setting<?> setting, Map<String, SettingsFile.Entry> entries) {
        String flag = flags.get(setting.key());
        if (flag != null) {
            return parse(setting, flag, "flag " + setting.flag());
        }
        String variable = variables.get(setting.variable());
        if (variable != null) {
            return parse(setting, variable, "variable " + setting.variable());
        }
        SettingsFile.Entry entry = entries.get(setting.key());
        if (entry != null) {
            return parse(setting, entry.text(), place(entry));
        }
        return parse(setting, setting.defaultText(), Settings.BY_DEFAULT);
    }

    private Settings.Sourced parse(Setting<?> setting, String text, String source) {
        try {
            return new Settings.Sourced(setting.syntax().parser().apply(text), text, source);
        } catch (IllegalArgumentException e) {
            String unit = setting.syntax().unit();
            mistakes.add(setting.key() + " (" + source + ") must be "
                    + plain(setting.syntax().range()) + (unit.isEmpty() ? "" : ", in " + unit) + "; got "
                    + (setting.syntax().secret() ? "something else" : "\"" + text + "\""));
            return new Settings.Sourced(text, text, source);
        }
    }

    private String place(SettingsFile.Entry entry) {
        return file.map(Path::toString).orElse("") + " line " + entry.line();
    }

    private static String plain(String range) {
        return range.replace("`", "");
    }

    private static String suggestion(String typed, List<String> known) {
        List<String> near = NearNames.of(typed, known);
        return near.isEmpty()
                ? "; docs/configuration.md lists them all"
                : "; did you mean " + String.join(" or ", near) + "?";
    }
}
