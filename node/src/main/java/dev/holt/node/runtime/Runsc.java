package dev.holt.node.runtime;

import dev.holt.nodeapi.Isolation;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * gVisor's runsc: guests run on a kernel in user space, the sentry. Its state is a few files whose names hold the id.
 *
 * @param knownFlags the flags that this binary knows, without dashes, those of a subcommand behind its name and a space: builds differ
 * @param hidesNetworkSysctl whether it starts only where /proc/sys/net is empty: builds of 2024 take kernels from 6.x on for a host
 *     without network namespaces
 */
record Runsc(Path binary, Set<String> knownFlags, boolean hidesNetworkSysctl) implements OciEngine {
    /**
     * Each with its reason. overlay2=none: the root file system is an overlay of the host's already, and runsc's own would hide
     * writes in a file store. file-access=shared: the host may look into it. allow-suid: sudo. net-raw: ping.
     * net-disconnect-ok: a checkpoint is refused otherwise while any TCP connection is open. host-settings=ignore: no
     * complaints about settings of the host. cpu-num-from-quota: the guest sees the CPUs that it may use.
     */
    private static final List<String> FLAGS = List.of(
            "platform=systrap",
            "network=sandbox",
            "overlay2=none",
            "file-access=shared",
            "allow-suid=true",
            "net-raw=true",
            "net-disconnect-ok=true",
            "host-settings=ignore",
            "cpu-num-from-quota=true");

    /** In nanoseconds: 4 ms, which a guest's shortest sleeps then take longer. */
    private static final String TIMER_SLACK = "4000000";

    /** In nanoseconds: a command takes 2 to 4 ms less with it, and an idle guest twice the CPU time. */
    private static final String ATTENDED_TIMER_SLACK = "500000";

    /** What the guest's root may do to the guest's own kernel; none of it is a capability on the host. */
    private static final List<String> FURTHER_CAPABILITIES = List.of(
            "CAP_DAC_READ_SEARCH",
            "CAP_LINUX_IMMUTABLE",
            "CAP_NET_ADMIN",
            "CAP_SYS_ADMIN",
            "CAP_SYS_NICE",
            "CAP_SYS_PTRACE",
            "CAP_SYS_RESOURCE");

    /** Runs its arguments where /proc/sys/net is empty, in a mount namespace that follows the host's unmounts. */
    private static final List<String> HIDING = List.of(
            "unshare",
            "--mount",
            "--propagation",
            "slave",
            "sh",
            "-c",
            "mount -t tmpfs -o ro,size=4k tmpfs /proc/sys/net && exec \"$@\"",
            "sh");

    /** Of a file on the disk that has no name any more and is in use: builds of 2024 can't restore such. */
    private static final Pattern DELETED_FILE =
            Pattern.compile("gofer\\.dentry\\(\"(.*)\"\\)\\.beforeSave: deleted and invalidated");

    Runsc {
        knownFlags = Set.copyOf(knownFlags);
    }

    @Override
    public String name() {
        return "runsc";
    }

    @Override
    public Isolation isolation() {
        return Isolation.GVISOR;
    }

    @Override
    public RuntimeCapabilities capabilities() {
        return new RuntimeCapabilities(true, true, true, true, true, knownFlags.contains("allow-suid"), false);
    }

    @Override
    public List<String> command(Path root, Path log) {
        List<String> words = new ArrayList<>();
        if (hidesNetworkSysctl) {
            words.addAll(HIDING);
        }
        words.add(binary.toString());
        words.add("--root=" + root);
        words.add("--log=" + log);
        words.add("--log-format=json");
        for (String flag : FLAGS) {
            if (knownFlags.contains(flag.substring(0, flag.indexOf('=')))) {
                words.add("--" + flag);
            }
        }
        return words;
    }

    /**
     * Uncompressed: writing is faster than compressing. Without the empty pages where the build can tell them. Past the page cache:
     * there the memory would be charged to the sandbox's group once more and written back at the disk's leisure (1 GB took 6 s
     * instead of 0.7 s, and a sync 0.4 s more).
     */
    @Override
    public Optional<List<String>> checkpoint(Path imageDirectory) {
        List<String> words = new ArrayList<>(List.of("checkpoint", "--leave-running", "--compression=none"));
        if (excludesEmptyPages()) {
            words.add("--exclude-committed-zero-pages");
        }
        if (knownFlags.contains("checkpoint direct")) {
            words.add("--direct");
        }
        words.add("--image-path=" + imageDirectory);
        return Optional.of(words);
    }

    @Override
    public Optional<String> refusal(String said) {
        Matcher deleted = DELETED_FILE.matcher(said);
        return deleted.find()
                ? Optional.of("'/" + deleted.group(1)
                        + "' was deleted while a process still has it open, runs it or works in it")
                : Optional.empty();
    }

    @Override
    public Optional<ImageStream> images(Remains remains, SandboxId id, ImageWitness witness) {
        return Optional.of(new ImageStream(control(remains, id), excludesEmptyPages(), witness));
    }

    private boolean excludesEmptyPages() {
        return knownFlags.contains("checkpoint exclude-committed-zero-pages");
    }

    @Override
    public Suspension suspension(Remains remains, SandboxId id) {
        return control(remains, id);
    }

    private static SentryControl control(Remains remains, SandboxId id) {
        return new SentryControl(remains.root().resolve("runsc-" + id + ".sock"));
    }

    @Override
    public Map<String, String> environment() {
        return Map.of();
    }

    @Override
    public List<String> guestCapabilities() {
        return Stream.concat(USUAL_CAPABILITIES.stream(), FURTHER_CAPABILITIES.stream())
                .sorted()
                .toList();
    }

    @Override
    public boolean sharesHostKernel() {
        return false;
    }

    @Override
    public Optional<SandboxId> stateOf(String entry) {
        int end = entry.indexOf("_sandbox:");
        return end < 0 ? Optional.empty() : SandboxId.parse(entry.substring(0, end));
    }

    @Override
    public boolean owns(String entry, SandboxId id) {
        return entry.startsWith(id.value() + "_sandbox:") || entry.equals("runsc-" + id + ".sock");
    }

    @Override
    public OptionalLong firstProcess(Path root, SandboxId id) {
        Path state = root.resolve(id + "_sandbox:" + id + ".state");
        return Files.exists(state) ? EngineState.number(state, "sandbox", "pid") : OptionalLong.empty();
    }

    /**
     * runsc mounts memory on an empty /tmp, where files would escape the disk's limit and every snapshot. So /tmp is never
     * empty: it holds the directory that X servers expect there anyway.
     */
    @Override
    public void prepare(Path rootFileSystem) {
        Path temporary = rootFileSystem.resolve("tmp");
        Path kept = temporary.resolve(".X11-unix");
        if (Files.isDirectory(temporary) && !Files.exists(kept)) {
            try {
                Files.createDirectory(kept);
                Files.setAttribute(kept, "unix:mode", 01777);
            } catch (IOException e) {
                throw new RuntimeFailure("could not make '" + kept + "'", e);
            }
        }
    }

    /**
     * At the memory limit the kernel's killer would choose the sentry, the biggest process, and with it the whole sandbox. Making the
     * stubs, which stand for the guest's processes, its first choice kills the offender only. Stubs of later processes are forked from
     * these and inherit it. (Lowering the sentry's score instead needs CAP_SYS_RESOURCE.)
     */
    @Override
    public void settle(Set<Long> processes) {
        for (long pid : processes) {
            Path directory = Path.of("/proc", Long.toString(pid));
            try {
                String commandLine = Files.readString(directory.resolve("cmdline"), StandardCharsets.ISO_8859_1);
                if (!commandLine.startsWith("runsc-sandbox") && !commandLine.startsWith("runsc-gofer")) {
                    Files.writeString(directory.resolve("oom_score_adj"), "1000");
                }
            } catch (IOException e) {
                continue; // it has ended meanwhile: nothing to protect
            }
        }
        attend(processes, true);
    }

    /**
     * The sentry's timers wake it hundreds of times a second, builds of 2024 even while the guest does nothing, which costs 3 to 7 % of a
     * core for each sandbox and slows the guest down. Timers that may be late by {@link #TIMER_SLACK}, see prctl(2), are served together:
     * that is a third to a seventh of the cost. Threads made later inherit it.
     */
    @Override
    public void attend(Set<Long> processes, boolean attended) {
        String slack = attended ? ATTENDED_TIMER_SLACK : TIMER_SLACK;
        for (long pid : processes) {
            try (Stream<Path> threads = Files.list(Path.of("/proc", Long.toString(pid), "task"))) {
                for (Path thread : threads.toList()) {
                    Files.writeString(
                            Path.of("/proc").resolve(thread.getFileName()).resolve("timerslack_ns"), slack);
                }
            } catch (IOException | UncheckedIOException e) {
                continue; // it, or a thread of it, has ended meanwhile: nothing to slow down
            }
        }
    }
}
