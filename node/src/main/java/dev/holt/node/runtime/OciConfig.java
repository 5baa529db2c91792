package dev.holt.node.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes config.json of a bundle, see the OCI runtime specification 1.0.2 (config.md, config-linux.md). What all sandboxes of an
 * engine have in common is made once; a start copies it and fills in the rest.
 */
final class OciConfig {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<StandardOpenOption> NEW_FILE =
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
    private static final long CPU_PERIOD_MICROS = 100_000;
    private static final int PROCESSES_AT_MOST = 2048;
    private static final long OPEN_FILES_WANTED = 65_536;

    private static final List<String> HIDDEN = List.of(
            "/proc/acpi",
            "/proc/asound",
            "/proc/interrupts",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/sched_debug",
            "/proc/scsi",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/sys/devices/virtual/powercap",
            "/sys/firmware");
    private static final List<String> READ_ONLY =
            List.of("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger");

    private final OciEngine engine;
    private final boolean limitsSwap;
    private final ObjectNode common;

    OciConfig(OciEngine engine, boolean limitsSwap) {
        this.engine = engine;
        this.limitsSwap = limitsSwap;
        this.common = common();
    }

    private ObjectNode common() {
        ObjectNode config = JSON.createObjectNode().put("ociVersion", "1.0.2");
        config.putObject("root").put("readonly", false);
        ObjectNode process = config.putObject("process")
                .put("terminal", false)
                .put("cwd", "/")
                .put("noNewPrivileges", false);
        process.putObject("user").put("uid", 0).put("gid", 0);
        process.putArray("args").add(InstanceSpec.GUEST_AGENT);
        ObjectNode capabilities = process.putObject("capabilities");
        for (String set : List.of("bounding", "effective", "permitted")) {
            strings(capabilities.putArray(set), engine.guestCapabilities());
        }
        long openFiles = Math.min(OPEN_FILES_WANTED, ownLimitOfOpenFiles());
        ArrayNode limits = process.putArray("rlimits");
        limits.addObject().put("type", "RLIMIT_NOFILE").put("soft", openFiles).put("hard", openFiles);
        limits.addObject().put("type", "RLIMIT_CORE").put("soft", 0).put("hard", 0);

        ArrayNode mounts = config.putArray("mounts");
        mount(mounts, "/proc", "proc", "proc", "nosuid", "noexec", "nodev");
        mount(mounts, "/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k");
        mount(
                mounts,
                "/dev/pts",
                "devpts",
                "devpts",
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5");
        mount(mounts, "/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro");

        ObjectNode linux = config.putObject("linux").put("rootfsPropagation", "private");
        ArrayNode namespaces = linux.putArray("namespaces");
        for (String type : List.of("pid", "ipc", "uts", "mount", "cgroup")) {
            namespaces.addObject().put("type", type);
        }
        ObjectNode resources = linux.putObject("resources");
        resources
                .putArray("devices")
                .addObject()
                .put("allow", false)
                .put("access", "rwm"); // the engine adds null, zero, full, random, urandom, tty and terminals
        if (engine.sharesHostKernel()) {
            mount(mounts, "/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev");
            strings(linux.putArray("maskedPaths"), HIDDEN);
            strings(linux.putArray("readonlyPaths"), READ_ONLY);
            resources.putObject("pids").put("limit", PROCESSES_AT_MOST);
            linux.set("seccomp", seccomp());
        }
        return config;
    }

    /** Our own filter for this machine's architecture, and for no other: code of 32 bits is killed. */
    private static ObjectNode seccomp() {
        try (InputStream in = Objects.requireNonNull(OciConfig.class.getResourceAsStream("seccomp.json"))) {
            ObjectNode profile = (ObjectNode) JSON.readTree(in);
            String architecture = System.getProperty("os.arch").equals("amd64") ? "X86_64" : "AARCH64";
            profile.putArray("architectures").add("SCMP_ARCH_" + architecture);
            return profile;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes the bundle's config.json, readable by root only because the agent's token is in it. */
    void write(InstanceSpec spec, String group) throws IOException {
        ObjectNode config = common.deepCopy();
        config.put("hostname", spec.hostname());
        ((ObjectNode) config.get("root")).put("path", spec.rootFileSystem().toString());
        ArrayNode environment = ((ObjectNode) config.get("process")).putArray("env");
        environment.add("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        environment.add("LANG=C.UTF-8");
        spec.agentEnvironment().forEach((name, value) -> environment.add(name + "=" + value));

        long memory = spec.resources().memoryMegabytes() * 1024L * 1024L;
        ArrayNode mounts = (ArrayNode) config.get("mounts");
        mount(mounts, "/dev/shm", "tmpfs", "shm", "nosuid", "nodev", "mode=1777", "size=" + memory / 2 / 1024 + "k");
        mount(mounts, InstanceSpec.GUEST_AGENT, "bind", spec.agent().toString(), "bind", "ro", "nosuid", "nodev");
        for (InstanceSpec.BindFile file : spec.bindFiles()) {
            mount(mounts, file.guestPath(), "bind", file.hostFile().toString(), "bind", "ro", "nosuid", "nodev");
        }

        ObjectNode linux = (ObjectNode) config.get("linux");
        linux.put("cgroupsPath", "/" + group);
        ((ArrayNode) linux.get("namespaces"))
                .addObject()
                .put("type", "network")
                .put("path", spec.networkNamespace().toString());
        ObjectNode resources = (ObjectNode) linux.get("resources");
        ObjectNode memoryLimits = resources.putObject("memory").put("limit", memory);
        if (limitsSwap) {
            memoryLimits.put("swap", memory); // memory and swap together: no swap
        }
        resources
                .putObject("cpu")
                .put("period", CPU_PERIOD_MICROS)
                .put("quota", spec.resources().cpuCount() * CPU_PERIOD_MICROS)
                .put("shares", spec.resources().cpuCount() * 1024L);

        Path file = spec.bundle().resolve("config.json");
        try (SeekableByteChannel channel = Files.newByteChannel(
                file, NEW_FILE, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            JSON.writeValue(Channels.newOutputStream(channel), config);
        }
    }

    private static void mount(ArrayNode mounts, String target, String type, String source, String... options) {
        ObjectNode mount =
                mounts.addObject().put("destination", target).put("type", type).put("source", source);
        strings(mount.putArray("options"), List.of(options));
    }

    private static void strings(ArrayNode array, List<String> values) {
        values.forEach(array::add);
    }

    /** The hard limit of this process: raising it further for others needs CAP_SYS_RESOURCE, which root in a container lacks. */
    private static long ownLimitOfOpenFiles() {
        String prefix = "Max open files";
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/limits"))) {
                if (line.startsWith(prefix)) {
                    return Long.parseLong(
                            line.substring(prefix.length()).strip().split(" +", -1)[1]);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        throw new RuntimeFailure("/proc/self/limits has no line '" + prefix + "'");
    }
}
