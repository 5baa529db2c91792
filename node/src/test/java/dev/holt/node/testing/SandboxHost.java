package dev.holt.node.testing;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.image.Disk;
import dev.holt.node.image.Disks;
import dev.holt.node.image.OverlayRootFileSystems;
import dev.holt.node.image.RootFileSystem;
import dev.holt.node.image.TemplateBuild;
import dev.holt.node.image.TemplateStore;
import dev.holt.node.linux.Mounts;
import dev.holt.node.linux.ProcessEnds;
import dev.holt.node.network.Ipv4Block;
import dev.holt.node.network.NetworkConfig;
import dev.holt.node.network.Slot;
import dev.holt.node.network.SlotFactory;
import dev.holt.node.pool.Foreground;
import dev.holt.node.pool.Pool;
import dev.holt.node.process.HostCommand;
import dev.holt.node.runtime.InstanceSpec;
import dev.holt.node.runtime.OciEngine;
import dev.holt.node.runtime.OciRuntime;
import dev.holt.node.runtime.RuntimeInstance;
import dev.holt.node.runtime.RuntimeProbe;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * A host for real sandboxes in tests: everything below the node's lifecycle, wired by hand, under names of its own. Needs root and
 * what Holt needs; the base template is built on first use and kept in /var/tmp/holt-test for the next run.
 */
public final class SandboxHost implements AutoCloseable {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final Duration READY = Duration.ofSeconds(20);
    private static final int USUAL_DISK_MEGABYTES = 512;

    private final Path state;
    private final String network =
            "t" + Long.toString(ThreadLocalRandom.current().nextLong(1 << 24, 1L << 30), 36);
    private final String cgroupParent = "holt-test-" + network;
    private final ProcessEnds ends = new ProcessEnds();
    private final TemplateBuild template;
    private final Disks disks;
    private final Pool<Disk> ready;
    private final OverlayRootFileSystems rootFileSystems;
    private final SlotFactory slots;
    private final Path agent;
    private final List<SandboxRuntime> runtimes = new CopyOnWriteArrayList<>();

    public SandboxHost() throws IOException {
        Path kept = Files.createDirectories(Path.of("/var/tmp/holt-test"));
        state = Files.createTempDirectory(kept, "s");
        TemplateStore templates = new TemplateStore(kept.resolve("templates"));
        template = templates.ensureBase(System.out::println);
        disks = new Disks(state.resolve("empty"), state.resolve("disks"));
        ready = new Pool<>("test disks", 0, new Foreground(), missing -> List.of(disks.create(USUAL_DISK_MEGABYTES)));
        rootFileSystems = new OverlayRootFileSystems(templates, disks, ready, USUAL_DISK_MEGABYTES);
        Ipv4Block addresses =
                Ipv4Block.parse("10.213." + ThreadLocalRandom.current().nextInt(256) + ".0/24");
        slots = new SlotFactory(new NetworkConfig(network, addresses, List.of(), List.of()));
        slots.start(Map.of());
        agent = unpackAgent();
    }

    private Path unpackAgent() throws IOException {
        Path binary = state.resolve("holt-agent");
        try (InputStream resource = SandboxHost.class.getResourceAsStream("/dev/holt/guestagent/holt-agent")) {
            if (resource == null) {
                throw new IOException("the guest agent is not on the class path: build the module guest-agent first");
            }
            Files.copy(resource, binary);
        }
        Files.setPosixFilePermissions(binary, PosixFilePermissions.fromString("rwxr-xr-x"));
        return binary;
    }

    /**
     * The engine of that isolation; the system property {@code holt.test.runsc} or {@code holt.test.runc} names one to test
     * instead of the installed one. Fails with the probe's own words, which say what to install, when it does not work.
     */
    public OciEngine engine(Isolation isolation) {
        RuntimeProbe.Report report = report(isolation);
        return report.working()
                .orElseThrow(() -> new AssertionError(
                        "this test needs " + report.name() + " to work on this host: " + report.explanation()));
    }

    /** What the probe says of that isolation on this host. */
    public RuntimeProbe.Report report(Isolation isolation) {
        Map<Isolation, Path> chosen = new EnumMap<>(Isolation.class);
        choose(chosen, Isolation.GVISOR, System.getProperty("holt.test.runsc"));
        choose(chosen, Isolation.CONTAINER, System.getProperty("holt.test.runc"));
        return new RuntimeProbe(state.resolve("probes"), state.resolve("try"), agent, chosen).probe(isolation, false);
    }

    private static void choose(Map<Isolation, Path> chosen, Isolation isolation, @Nullable String path) {
        if (path != null) {
            chosen.put(isolation, Path.of(path));
        }
    }

    /** A new runtime object on the same state, as after a restart of the daemon. */
    public SandboxRuntime runtime(OciEngine engine) {
        SandboxRuntime runtime = new OciRuntime(engine, state.resolve("run"), cgroupParent, ends);
        runtimes.add(runtime);
        return runtime;
    }

    public LeakCheck leakCheck() {
        return new LeakCheck(state, cgroupParent, network);
    }

    public Path state() {
        return state;
    }

    public Path agent() {
        return agent;
    }

    /** Unmounts the root file systems below {@code sandboxes} and every disk, as a restart of the host does. */
    public void unmountEverything(Path sandboxes) {
        Mounts.unmountBelow(sandboxes);
        Path own = state.resolve("disks");
        Mounts.below(own).stream()
                .map(Mounts.Mount::target)
                .filter(target -> !target.equals(own))
                .forEach(Mounts::unmount);
    }

    public Disks disks() {
        return disks;
    }

    public OverlayRootFileSystems rootFileSystems() {
        return rootFileSystems;
    }

    public TemplateBuild template() {
        return template;
    }

    public Slot slot() {
        return slots.make(1).getFirst();
    }

    /** Starts a sandbox of the base template and waits until its agent answers. */
    public TestSandbox start(SandboxRuntime runtime, Resources resources) throws IOException {
        SandboxId id = SandboxId.random(RANDOM);
        Path directory = Files.createDirectories(state.resolve("sandboxes").resolve(id.value()));
        Slot slot = slot();
        RootFileSystem root = rootFileSystems.mount(
                id, directory, template.image(), resources.diskMegabytes(), upper -> writeHosts(upper, id));
        AgentToken token = AgentToken.random(RANDOM);
        RuntimeInstance instance = runtime.start(spec(id, directory, root, slot, resources, token));
        GuestAgent guest = new GuestAgent(new InetSocketAddress(slot.guestAddress(), GuestAgent.PORT), token);
        guest.awaitReady(READY);
        return new TestSandbox(id, directory, slot, root, instance, guest);
    }

    private static void writeHosts(Path upper, SandboxId id) {
        try {
            Files.createDirectories(upper.resolve("etc"));
            Files.writeString(upper.resolve("etc/hosts"), "127.0.0.1 localhost " + id + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public InstanceSpec spec(
            SandboxId id, Path directory, RootFileSystem root, Slot slot, Resources resources, AgentToken token)
            throws IOException {
        return new InstanceSpec(
                id,
                Files.createDirectories(directory.resolve("bundle")),
                root.path(),
                slot.namespace(),
                id.value(),
                resources,
                agent,
                Map.of("HOLT_AGENT_TOKEN", token.hex(), "HOLT_AGENT_PEER", "gateway"),
                List.of());
    }

    /** Ends what failed tests left running, then frees everything. */
    @Override
    public void close() {
        for (SandboxRuntime runtime : runtimes) {
            runtime.instances().forEach(runtime::sweep);
        }
        ready.close();
        disks.sweep(Set.of());
        slots.close();
        ends.close();
        Mounts.unmountBelow(state);
        HostCommand.of("rm", "--recursive", "--force", "--one-file-system", state.toString())
                .runOrFail();
        // Engines leave the empty parents of their cgroups: only those of this host's name go.
        HostCommand.of(
                        "sh",
                        "-c",
                        "rmdir /sys/fs/cgroup/*/" + cgroupParent + "/* /sys/fs/cgroup/*/" + cgroupParent
                                + " /sys/fs/cgroup/" + cgroupParent + "/* /sys/fs/cgroup/" + cgroupParent + " 2>&1")
                .run();
    }
}
