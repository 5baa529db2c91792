package dev.holt.app.settings;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;

/**
 * Every setting there is. This table drives the file, the variables, the flags and docs/configuration.md, in this order.
 */
public final class SettingsTable {
    public static final Setting<Path> STATE_DIRECTORY = new Setting<>(
            "state-directory",
            Syntax.directory(),
            "/var/lib/holt",
            "Where templates, the disks of sandboxes, the database and the journal are kept.");

    public static final Setting<Path> RUN_DIRECTORY = new Setting<>(
            "run-directory",
            Syntax.directory(),
            "/run/holt",
            "What need not outlive a reboot: mounts and the state of the runtimes.");

    public static final Setting<String> LOG_LEVEL = new Setting<>(
            "log-level",
            Syntax.oneOf("error", "warn", "info", "debug", "trace"),
            "info",
            "The least important lines that are logged.");

    public static final Setting<InetSocketAddress> CONTROL_LISTEN = new Setting<>(
            "control.listen",
            Syntax.listenAddress(),
            "127.0.0.1:3000",
            "Where the control API is served, and the traffic of sandboxes too.");

    public static final Setting<List<InetSocketAddress>> TRAFFIC_LISTEN = new Setting<>(
            "traffic.listen",
            Syntax.listOf(Syntax.listenAddress()),
            "127.0.0.1:49983,127.0.0.1:49999",
            "Where else the traffic of sandboxes is served, without the control API.");

    public static final Setting<String> DOMAIN = new Setting<>(
            "domain",
            Syntax.domain(),
            "",
            "What clients put after `<port>-<sandbox>.` to reach a port of a sandbox. Empty: `localhost` with the port of"
                    + " `control.listen`; names below localhost are this host to browsers and curl.");

    public static final Setting<String> RUNSC = new Setting<>(
            "node.runsc",
            program(),
            "/usr/local/lib/holt/runsc",
            "gVisor's runsc: a path, or a name to look up in PATH.");

    public static final Setting<String> RUNC = new Setting<>(
            "node.runc", program(), "runc", "The container runtime runc: a path, or a name to look up in PATH.");

    /** All of them, in the order of the documentation. */
    public static final List<Setting<?>> ALL =
            List.of(STATE_DIRECTORY, RUN_DIRECTORY, LOG_LEVEL, CONTROL_LISTEN, TRAFFIC_LISTEN, DOMAIN, RUNSC, RUNC);

    private SettingsTable() {}

    private static Syntax<String> program() {
        return new Syntax<>("an absolute path or the name of a program", "", text -> {
            if (!text.matches("/.+|[A-Za-z0-9._+-]+")) {
                throw new IllegalArgumentException("neither");
            }
            return text;
        });
    }
}
