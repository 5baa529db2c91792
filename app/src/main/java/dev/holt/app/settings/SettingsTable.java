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

    public static final Setting<Boolean> TRAFFIC_DEBUG = new Setting<>(
            "traffic.debug",
            Syntax.truth(),
            "false",
            "Whether requests at `traffic.listen` that name no sandbox go to the newest one, for clients in E2B's debug mode."
                    + " Only where everybody who reaches these ports may use every sandbox.");

    public static final Setting<Long> TRAFFIC_EXCHANGES = new Setting<>(
            "traffic.exchanges",
            Syntax.number(1, 100_000, "requests"),
            "1000",
            "How many requests and tunnels to one sandbox's own servers are carried at once; more get status 429.");

    public static final Setting<String> ADMIN_TOKEN = new Setting<>(
            "control.admin-token",
            Syntax.secret(16),
            "",
            "Opens the admin operations of the API (`X-Admin-Token`). Empty: they stay closed.");

    public static final Setting<String> WEAKEST_ISOLATION = new Setting<>(
            "control.weakest-isolation",
            Syntax.oneOf("container", "gvisor"),
            "container",
            "No sandbox is isolated less, whatever a client accepts.");

    public static final Setting<Long> TEAM_SANDBOXES = new Setting<>(
            "team.sandboxes",
            Syntax.number(0, 1_000_000, "sandboxes"),
            "10000",
            "How many sandboxes the default team may run at once.");

    public static final Setting<Long> TEAM_CPUS = new Setting<>(
            "team.cpus",
            Syntax.number(0, 10_000_000, "CPUs"),
            "100000",
            "How many virtual CPUs the default team's running sandboxes may have together.");

    public static final Setting<Long> TEAM_MEMORY = new Setting<>(
            "team.memory",
            Syntax.number(0, 1L << 40, "MiB"),
            "1073741824",
            "How much memory the default team's running sandboxes may have together.");

    public static final Setting<Long> TEAM_LIFETIME = new Setting<>(
            "team.lifetime",
            Syntax.number(1, 366L * 24 * 3600, "s"),
            "86400",
            "From a sandbox's start to the latest end that the default team may give it.");

    public static final Setting<String> NODE_NAME = new Setting<>(
            "node.name",
            Syntax.matching("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "1 to 63 characters of a-z, 0-9 and dashes"),
            "local",
            "What this host is called in answers.");

    public static final Setting<String> RUNTIME = new Setting<>(
            "node.runtime",
            Syntax.oneOf("auto", "gvisor", "container"),
            "auto",
            "The only isolation to offer. `auto`: every one that works here, the strongest first.");

    public static final Setting<String> RUNSC = new Setting<>(
            "node.runsc",
            Syntax.program(),
            "",
            "gVisor's runsc. Empty: `/usr/local/lib/holt/runsc`, or else the one in PATH.");

    public static final Setting<String> RUNC = new Setting<>(
            "node.runc",
            Syntax.program(),
            "",
            "The container runtime runc. Empty: `/usr/local/lib/holt/runc`, or else the one in PATH.");

    public static final Setting<Boolean> KILL_ON_STOP = new Setting<>(
            "node.kill-on-stop",
            Syntax.truth(),
            "false",
            "Whether stopping Holt ends its sandboxes. Otherwise they run on, and the next start adopts them.");

    public static final Setting<Long> NODE_SANDBOXES = new Setting<>(
            "node.sandboxes", Syntax.number(1, 30_000, "sandboxes"), "500", "How many sandboxes may run at once.");

    public static final Setting<Double> MEMORY_OVERCOMMIT = new Setting<>(
            "node.memory-overcommit",
            Syntax.decimal(0.1, 100),
            "4",
            "How much memory may be promised to sandboxes, as a multiple of the host's.");

    public static final Setting<Long> START_TIMEOUT = new Setting<>(
            "node.start-timeout",
            Syntax.number(1, 600, "s"),
            "30",
            "Within which a new sandbox must answer; after that its create fails.");

    public static final Setting<Long> SANDBOX_CPUS = new Setting<>(
            "sandbox.cpus", Syntax.number(1, 64, "CPUs"), "2", "Virtual CPUs of a sandbox of the base template.");

    public static final Setting<Long> SANDBOX_MEMORY = new Setting<>(
            "sandbox.memory", Syntax.number(128, 1_048_576, "MiB"), "512", "Memory of a sandbox of the base template.");

    public static final Setting<Long> SANDBOX_DISK = new Setting<>(
            "sandbox.disk",
            Syntax.number(64, 1_048_576, "MiB"),
            "5120",
            "How much a sandbox of the base template may write to its disk.");

    public static final Setting<Long> INTERPRETER_MEMORY = new Setting<>(
            "interpreter.memory",
            Syntax.number(128, 1_048_576, "MiB"),
            "1024",
            "Memory of a sandbox of template `code-interpreter-v1`; CPUs and disk are as for the base template.");

    public static final Setting<List<String>> TEMPLATES_PREPARED = new Setting<>(
            "templates.prepared",
            Syntax.listOf(Syntax.oneOf("base", "code-interpreter-v1")),
            "base",
            "The built-in templates that a start builds when they are missing, before anybody is served. The base always is.");

    public static final Setting<Boolean> TEMPLATES_ON_DEMAND = new Setting<>(
            "templates.on-demand",
            Syntax.truth(),
            "true",
            "Whether asking for a sandbox of a built-in template that is not built begins to build it. Otherwise an operator"
                    + " does, with `holt template build`.");

    public static final Setting<Long> POOL_SLOTS =
            new Setting<>("pool.slots", Syntax.number(0, 1000, "slots"), "16", "Network slots kept ready.");

    public static final Setting<Long> POOL_DISKS =
            new Setting<>("pool.disks", Syntax.number(0, 1000, "disks"), "4", "Disks of the default size kept ready.");

    public static final Setting<Long> POOL_WARM = new Setting<>(
            "pool.warm",
            Syntax.number(0, 1000, "sandboxes"),
            "2",
            "Started sandboxes kept ready for each template in use. Each costs about 16 MiB; with none every create is a"
                    + " cold start.");

    public static final Setting<Long> POOL_TEMPLATES = new Setting<>(
            "pool.templates",
            Syntax.number(1, 100, "templates"),
            "4",
            "For how many templates at once sandboxes are kept ready: those used last.");

    public static final Setting<String> NETWORK_NAME = new Setting<>(
            "network.name",
            Syntax.matching("[a-z][a-z0-9]{0,7}", "1 to 8 characters of a-z and 0-9, the first a letter"),
            "holt",
            "Names namespaces, interfaces, control groups and the nftables table. Two Holts on one host need two names and"
                    + " two blocks of addresses.");

    public static final Setting<String> NETWORK_ADDRESSES = new Setting<>(
            "network.addresses",
            Syntax.network(),
            "10.201.0.0/16",
            "Where sandboxes get their addresses, two each; /30 or larger and used by nothing else that this host reaches.");

    public static final Setting<List<String>> NETWORK_DENIED = new Setting<>(
            "network.denied",
            Syntax.listOf(Syntax.network()),
            "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16",
            "What no sandbox may reach, besides this host, other sandboxes and cloud metadata, which are always denied.");

    public static final Setting<List<String>> NETWORK_NAMESERVERS = new Setting<>(
            "network.nameservers",
            Syntax.listOf(Syntax.address()),
            "",
            "Resolvers of sandboxes, reachable even when denied. Empty: this host's own that are not on its loopback.");

    public static final Setting<Long> METRICS_INTERVAL = new Setting<>(
            "metrics.interval", Syntax.number(1, 3600, "s"), "5", "Between two samples of what a sandbox uses.");

    public static final Setting<Long> LOG_SIZE = new Setting<>(
            "logs.size",
            Syntax.number(4, 1_048_576, "KiB"),
            "1024",
            "How much of one sandbox's log is kept; the oldest lines go first.");

    public static final Setting<Long> LOG_RETENTION = new Setting<>(
            "logs.retention",
            Syntax.number(0, 365L * 24 * 3600, "s"),
            "86400",
            "How long a sandbox's log is kept after its end.");

    /** All of them, in the order of the documentation. */
    public static final List<Setting<?>> ALL = List.of(
            STATE_DIRECTORY,
            RUN_DIRECTORY,
            LOG_LEVEL,
            CONTROL_LISTEN,
            TRAFFIC_LISTEN,
            DOMAIN,
            TRAFFIC_DEBUG,
            TRAFFIC_EXCHANGES,
            ADMIN_TOKEN,
            WEAKEST_ISOLATION,
            TEAM_SANDBOXES,
            TEAM_CPUS,
            TEAM_MEMORY,
            TEAM_LIFETIME,
            NODE_NAME,
            RUNTIME,
            RUNSC,
            RUNC,
            KILL_ON_STOP,
            NODE_SANDBOXES,
            MEMORY_OVERCOMMIT,
            START_TIMEOUT,
            SANDBOX_CPUS,
            SANDBOX_MEMORY,
            SANDBOX_DISK,
            INTERPRETER_MEMORY,
            TEMPLATES_PREPARED,
            TEMPLATES_ON_DEMAND,
            POOL_SLOTS,
            POOL_DISKS,
            POOL_WARM,
            POOL_TEMPLATES,
            NETWORK_NAME,
            NETWORK_ADDRESSES,
            NETWORK_DENIED,
            NETWORK_NAMESERVERS,
            METRICS_INTERVAL,
            LOG_SIZE,
            LOG_RETENTION);

    private SettingsTable() {}
}
