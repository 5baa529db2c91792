package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.doctor.Doctor;
import dev.holt.app.doctor.Finding;
import dev.holt.app.doctor.Finding.Level;
import dev.holt.app.doctor.LinuxHost;
import dev.holt.app.server.Logging;
import dev.holt.app.settings.Settings;
import dev.holt.app.settings.SettingsTable;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

@Command(
        name = "doctor",
        description = "Check whether this host can run Holt; say what was found and how to mend it.",
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
    private final CommandContext context;

    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Option(names = "--json", description = "Print JSON, for scripts.")
    private boolean json;

    DoctorCommand(CommandContext context) {
        this.context = context;
    }

    @Override
    public Integer call() {
        Settings settings = options.read(context);
        Logging.setLevel(settings.get(SettingsTable.LOG_LEVEL));
        List<Finding> findings = new Doctor(new LinuxHost(settings), settings).examine();
        boolean broken = findings.stream().anyMatch(finding -> finding.level() == Level.BROKEN);
        if (json) {
            printJson(findings);
        } else {
            findings.forEach(this::print);
            context.out().println(broken ? "Holt can't run here until that is mended." : "Holt can run here.");
        }
        return broken ? ExitCode.FAILED : ExitCode.OK;
    }

    private void print(Finding finding) {
        String mark = switch (finding.level()) {
            case GOOD -> "ok     ";
            case LIMITED -> "limited";
            case BROKEN -> "BROKEN ";
        };
        context.out().printf("%s  %-13s %s%n", mark, finding.check(), finding.found());
        if (!finding.consequence().isEmpty()) {
            context.out().println("         what follows: " + finding.consequence());
        }
        if (!finding.remedy().isEmpty()) {
            context.out().println("         to mend it:   " + finding.remedy());
        }
    }

    private void printJson(List<Finding> findings) {
        var answer = JsonMapper.shared().createArrayNode();
        for (Finding finding : findings) {
            answer.addObject()
                    .put("check", finding.check())
                    .put("level", finding.level().name().toLowerCase(java.util.Locale.ROOT))
                    .put("found", finding.found())
                    .put("consequence", finding.consequence())
                    .put("remedy", finding.remedy());
        }
        context.printJson(answer);
    }
}
