package dev.holt.app.doctor;

import dev.holt.app.settings.Settings;
import dev.holt.app.settings.SettingsTable;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs every check, in the order in which an operator would mend what they find. */
public final class Doctor {
    private static final long MEBIBYTE = 1 << 20;
    private static final long GIBIBYTE = 1 << 30;

    private final Host host;
    private final Settings settings;

    public Doctor(Host host, Settings settings) {
        this.host = host;
        this.settings = settings;
    }

    /** One finding a check. */
    public List<Finding> examine() {
        List<Finding> findings = new ArrayList<>();
        SystemChecks system = new SystemChecks(host);
        findings.add(system.operatingSystem());
        findings.add(system.java());
        findings.add(system.privileges());
        RuntimeChecks runtimes = new RuntimeChecks(host);
        Finding container = runtimes.container();
        findings.add(runtimes.gvisor(container.level() == Finding.Level.GOOD));
        findings.add(container);
        findings.add(system.kvm());
        findings.add(system.controlGroups());
        findings.add(system.namespaces());
        findings.add(system.overlay());
        findings.add(system.loopDevices());
        findings.add(system.firewall());
        findings.addAll(system.tools());
        findings.add(memory());
        findings.add(disk());
        findings.addAll(ports());
        return List.copyOf(findings);
    }

    private Finding memory() {
        long kibibytes = host.read("/proc/meminfo")
                .flatMap(text -> text.lines()
                        .filter(line -> line.startsWith("MemAvailable:"))
                        .findFirst())
                .map(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                .orElse(0L);
        long available = kibibytes * 1024;
        String found = available / MEBIBYTE + " MiB available";
        if (available < 768 * MEBIBYTE) {
            return Finding.broken(
                    "memory", found, "Holt and one sandbox need 768 MiB", "stop something, or add memory");
        }
        if (available < 2 * GIBIBYTE) {
            return Finding.limited("memory", found, "few sandboxes fit", "add memory");
        }
        return Finding.good("memory", found);
    }

    private Finding disk() {
        Path state = settings.get(SettingsTable.STATE_DIRECTORY);
        long free = host.freeBytes(state);
        String found = free / GIBIBYTE + " GiB free for " + state;
        String remedy = "free some, or set state-directory to a larger file system";
        if (free < 2 * GIBIBYTE) {
            return Finding.broken("disk", found, "the base template alone needs 2 GiB while it is built", remedy);
        }
        if (free < 10 * GIBIBYTE) {
            return Finding.limited("disk", found, "few sandboxes can fill their disks", remedy);
        }
        return Finding.good("disk", found);
    }

    private List<Finding> ports() {
        List<InetSocketAddress> addresses = new ArrayList<>();
        addresses.add(settings.get(SettingsTable.CONTROL_LISTEN));
        addresses.addAll(settings.get(SettingsTable.TRAFFIC_LISTEN));
        List<Finding> findings = new ArrayList<>();
        for (InetSocketAddress address : addresses) {
            String check = "port " + address.getPort();
            String text = address.getAddress().getHostAddress() + ":" + address.getPort();
            if (host.canListen(address)) {
                findings.add(Finding.good(check, text + " is free"));
            } else {
                findings.add(Finding.limited(
                        check,
                        text + " is in use, or is no address of this host",
                        "fine if a Holt that runs already uses it; another can't start",
                        "see who has it with `ss -ltnp`, or set control.listen and traffic.listen"));
            }
        }
        return findings;
    }
}
