package dev.holt.app.cli;

import dev.holt.app.settings.Setting;
import dev.holt.app.settings.Settings;
import dev.holt.app.settings.SettingsReader;
import dev.holt.app.settings.SettingsTable;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A flag for every setting, made from the table of settings, for the commands that read settings. */
final class SettingsOptions {
    private final Map<String, OptionSpec> options = new LinkedHashMap<>();

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "The settings file. Default: /etc/holt/holt.yaml, if there is one.")
    private @Nullable Path file;

    /** Called by picocli when it mixes these options into a command. */
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("UnusedMethod") // picocli calls it
    private void addFlags(CommandSpec command) {
        for (Setting<?> setting : SettingsTable.ALL) {
            String unit = setting.syntax().unit();
            OptionSpec option = OptionSpec.builder(setting.flag())
                    .paramLabel(unit.isEmpty() ? "VALUE" : unit)
                    .type(String.class)
                    .description(setting.description().replace("%", "%%"))
                    .build();
            command.addOption(option);
            options.put(setting.key(), option);
        }
    }

    Settings read(CommandContext context) {
        Map<String, String> flags = new LinkedHashMap<>();
        options.forEach((key, option) -> {
            String text = option.getValue();
            if (text != null) {
                flags.put(key, text);
            }
        });
        return SettingsReader.read(flags, context.environment(), Optional.ofNullable(file));
    }
}
