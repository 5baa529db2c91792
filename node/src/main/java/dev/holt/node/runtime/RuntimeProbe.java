package dev.holt.node.runtime;

import dev.holt.node.linux.LinuxException;
import dev.holt.node.linux.Mounts;
import dev.holt.node.linux.ProcessEnds;
import dev.holt.node.process.CommandFailure;
import dev.holt.node.process.HostCommand;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Finds out which runtimes work on this host by starting a sandbox of each: whether gVisor runs depends on kernel, build and host
 * in ways that nothing else tells. What worked is remembered for that binary on that kernel, so that later starts of the daemon
 * cost a few file reads; what failed is tried again each time, because somebody may have repaired it.
 */
public final class RuntimeProbe {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Resources SMALL = new Resources(1, 128, 64);
    private static final long SETTLING_MILLIS = 150;
    private static final Pattern FLAG = Pattern.compile("(?m)^\\s+-([a-z0-9_-]+)");

    /** Another one whenever more is remembered. */
    private static final String KEY_VERSION = "2 ";

    private final Path memory;
    private final Path work;
    private final Path agent;
    private final Map<Isolation, Path> configured;

    /**
     * @param memory where results are kept; made when needed
     * @param work where sandboxes are tried, with a short path because of the sockets in it; made when needed
     * @param agent the guest agent, which the sandboxes that are tried run
     * @param configured engines that the configuration names, used instead of those found
     */
    public RuntimeProbe(Path memory, Path work, Path agent, Map<Isolation, Path> configured) {
        this.memory = memory;
        this.work = work;
        this.agent = agent;
        this.configured = Map.copyOf(configured);
    }

    /**
     * What is known of one runtime on this host.
     *
     * @param name of its engine, "runsc"
     * @param binary where it was found
     * @param version as it says itself
     * @param working the engine, ready for use, if a sandbox ran
     * @param explanation for a person: that it works, or what is wrong and what to do
     */
    public record Report(
            Isolation isolation,
            String name,
            Optional<Path> binary,
            Optional<String> version,
            Optional<OciEngine> working,
            String explanation) {}

    /** Every runtime, the strongest first: the first that works is what {@code auto} means. Takes up to a few seconds. */
    public List<Report> probeAll() {
        return List.of(probe(Isolation.GVISOR, false), probe(Isolation.CONTAINER, false));
    }

    /**
     * One runtime.
     *
     * @param fresh whether to start a sandbox even though it is remembered that one worked
     */
    public Report probe(Isolation isolation, boolean fresh) {
        String name = isolation == Isolation.GVISOR ? "runsc" : "runc";
        Optional<Path> binary = locate(isolation, name);
        if (binary.isEmpty()) {
            return new Report(isolation, name, binary, Optional.empty(), Optional.empty(), missing(isolation, name));
        }
        try {
            String key = key(binary.get());
            if (!fresh) {
                Optional<Report> remembered = remembered(isolation, name, binary.get(), key);
                if (remembered.isPresent()) {
                    return remembered.get();
                }
            }
            return tried(isolation, name, binary.get(), key);
        } catch (IOException | CommandFailure e) {
            return new Report(
                    isolation, name, binary, Optional.empty(), Optional.empty(), String.valueOf(e.getMessage()));
        }
    }

    private Optional<Path> locate(Isolation isolation, String name) {
        Path chosen = configured.get(isolation);
        if (chosen != null) {
            return HostCommand.locate(chosen.toString());
        }
        Path own = Path.of(
                "/usr/local/lib/holt", name); // where Holt's own installation puts engines that distributions lack
        return Files.isExecutable(own) ? Optional.of(own) : HostCommand.locate(name);
    }

    private String missing(Isolation isolation, String name) {
        Path chosen = configured.get(isolation);
        if (chosen != null) {
            return "the configuration names '" + chosen + "', which is no executable file";
        }
        return name + " was not found at /usr/local/lib/holt/" + name + " nor in PATH; "
                + (isolation == Isolation.GVISOR
                        ? "install gVisor's runsc there, a build of 2026 or later"
                        : "install it with: apt-get install runc");
    }

    private Report tried(Isolation isolation, String name, Path binary, String key) throws IOException {
        Optional<String> version = HostCommand.of(binary.toString(), "--version")
                .runOrFail()
                .output()
                .lines()
                .findFirst();
        String problem = "";
        for (OciEngine engine : candidates(isolation, binary)) {
            Optional<String> failure = trial(engine);
            if (failure.isEmpty()) {
                remember(name, key, version, engine);
                return report(isolation, name, binary, version, engine);
            }
            problem = failure.get();
            if (!problem.contains("root network namespace")) {
                break; // the next candidate cures that only
            }
        }
        return new Report(isolation, name, Optional.of(binary), version, Optional.empty(), problem);
    }

    private static List<OciEngine> candidates(Isolation isolation, Path binary) {
        if (isolation == Isolation.CONTAINER) {
            return List.of(new Runc(binary));
        }
        Set<String> flags = new HashSet<>();
        addFlags(flags, "", HostCommand.of(binary.toString(), "flags").run());
        addFlags(
                flags,
                "checkpoint ",
                HostCommand.of(binary.toString(), "help", "checkpoint").run());
        return List.of(new Runsc(binary, flags, false), new Runsc(binary, flags, true));
    }

    private static void addFlags(Set<String> flags, String prefix, HostCommand.Outcome listed) {
        Matcher matcher = FLAG.matcher(listed.output() + "\n" + listed.errors());
        while (matcher.find()) {
            flags.add(prefix + matcher.group(1));
        }
    }

    private static Report report(
            Isolation isolation, String name, Path binary, Optional<String> version, OciEngine engine) {
        String weakness = engine.capabilities().honoursSetuid()
                ? "works"
                : "works; this build ignores set-user-id, so sudo inside is Holt's own, and no other such program works";
        return new Report(isolation, name, Optional.of(binary), version, Optional.of(engine), weakness);
    }

    /** Starts a sandbox with nothing in it but the agent; answers what went wrong. */
    private Optional<String> trial(OciEngine engine) throws IOException {
        SandboxId id = SandboxId.random(new SecureRandom());
        Files.createDirectories(work);
        Path directory = Files.createTempDirectory(work, "p");
        String namespace = "holt-probe-" + id;
        try (ProcessEnds ends = new ProcessEnds()) {
            HostCommand.of("ip", "netns", "add", namespace).runOrFail();
            Path root = directory.resolve("rootfs");
            for (String child : List.of("proc", "sys", "dev", "tmp", ".holt")) {
                Files.createDirectories(root.resolve(child));
            }
            Files.createFile(root.resolve(InstanceSpec.GUEST_AGENT.substring(1)));
            InstanceSpec spec = new InstanceSpec(
                    id,
                    Files.createDirectory(directory.resolve("bundle")),
                    root,
                    Path.of("/run/netns", namespace),
                    "probe",
                    SMALL,
                    agent,
                    Map.of("HOLT_AGENT_TOKEN", "0".repeat(64), "HOLT_AGENT_PEER", "127.0.0.1"),
                    List.of());
            try (RuntimeInstance instance = new OciRuntime(engine, directory, "holt-probe", ends).start(spec)) {
                Thread.sleep(SETTLING_MILLIS);
                return instance.alive() ? Optional.empty() : Optional.of("the sandbox started and ended at once");
            }
        } catch (RuntimeFailure | CommandFailure | LinuxException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.of("interrupted");
        } finally {
            HostCommand.of("ip", "netns", "delete", namespace).run();
            remove(directory);
            Cgroups.ofHost().remove("holt-probe/" + engine.name());
            Cgroups.ofHost().remove("holt-probe");
        }
    }

    private static void remove(Path directory) {
        Mounts.unmountBelow(directory); // runsc keeps a mounted namespace beside its state
        HostCommand.of("rm", "--recursive", "--force", "--one-file-system", directory.toString())
                .runOrFail();
    }

    private static String key(Path binary) throws IOException {
        String kernel = Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip();
        return KEY_VERSION + binary + " " + Files.size(binary) + " " + Files.getLastModifiedTime(binary) + " on "
                + kernel;
    }

    private Optional<Report> remembered(Isolation isolation, String name, Path binary, String key) {
        Path file = memory.resolve(name + ".json");
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            JsonNode json = JSON.readTree(file.toFile());
            if (!json.path("key").asString().equals(key)) {
                return Optional.empty();
            }
            Set<String> flags = new HashSet<>();
            json.path("flags").forEach(flag -> flags.add(flag.asString()));
            OciEngine engine = isolation == Isolation.CONTAINER
                    ? new Runc(binary)
                    : new Runsc(binary, flags, json.path("hidesNetworkSysctl").asBoolean());
            return Optional.of(report(
                    isolation, name, binary, Optional.of(json.path("version").asString()), engine));
        } catch (JacksonException e) {
            return Optional.empty(); // damaged: as good as absent, and about to be written again
        }
    }

    private void remember(String name, String key, Optional<String> version, OciEngine engine) throws IOException {
        ObjectNode json = JSON.createObjectNode().put("key", key).put("version", version.orElse("unknown"));
        if (engine instanceof Runsc runsc) {
            ArrayNode flags = json.putArray("flags");
            List<String> sorted = new ArrayList<>(runsc.knownFlags());
            sorted.sort(null);
            sorted.forEach(flags::add);
            json.put("hidesNetworkSysctl", runsc.hidesNetworkSysctl());
        }
        Files.createDirectories(memory);
        Path unfinished = Files.createTempFile(memory, name, ".unfinished");
        Files.writeString(unfinished, json.toPrettyString());
        Files.move(unfinished, memory.resolve(name + ".json"), StandardCopyOption.ATOMIC_MOVE);
    }
}
