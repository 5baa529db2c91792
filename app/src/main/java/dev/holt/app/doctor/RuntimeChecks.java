package dev.holt.app.doctor;

import dev.holt.app.settings.Settings;
import dev.holt.app.settings.SettingsTable;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What can isolate a sandbox here. */
final class RuntimeChecks {
    /** The date in a runsc version, as Debian writes it (0.0~20240729.0) and as gVisor's own releases do. */
    private static final Pattern RUNSC_DATE = Pattern.compile("(20[0-9]{6})");

    /** Releases before this one lose a guest's statx(2), so that even ls fails. */
    private static final String OLDEST_RUNSC = "20240101";

    private final Host host;
    private final Settings settings;

    RuntimeChecks(Host host, Settings settings) {
        this.host = host;
        this.settings = settings;
    }

    Finding gvisor() {
        String wanted = settings.get(SettingsTable.RUNSC);
        String consequence = "sandboxes run as containers only, which is for code that you trust";
        Optional<Path> program = host.locate(wanted);
        if (program.isEmpty()) {
            return Finding.limited(
                    "gvisor",
                    "runsc was not found at " + wanted,
                    consequence,
                    "run `holt up` on a host that reaches its Debian mirror, or set node.runsc");
        }
        Host.Answer version = host.run(List.of(program.get().toString(), "--version"));
        Matcher date = RUNSC_DATE.matcher(version.output());
        String found = program.get() + ": " + version.firstLine();
        if (!version.succeeded()) {
            return Finding.limited("gvisor", found, consequence, "replace this file; it does not run");
        }
        if (date.find() && date.group(1).compareTo(OLDEST_RUNSC) < 0) {
            return Finding.limited(
                    "gvisor", found, "it is too old to run today's programs; " + consequence, "install a newer runsc");
        }
        return Finding.good("gvisor", found);
    }

    Finding container() {
        Optional<Path> program = host.locate(settings.get(SettingsTable.RUNC));
        if (program.isEmpty()) {
            return Finding.limited(
                    "container", "runc was not found", "no sandbox can run as a container", "apt-get install runc");
        }
        Host.Answer version = host.run(List.of(program.get().toString(), "--version"));
        if (!version.succeeded()) {
            return Finding.limited(
                    "container",
                    program.get() + " does not run: " + version.firstLine(),
                    "no sandbox can run as a container",
                    "apt-get install --reinstall runc");
        }
        return Finding.good("container", program.get() + ": " + version.firstLine());
    }
}
