package dev.holt.node;

import com.sun.management.OperatingSystemMXBean;
import dev.holt.node.envd.EnvdSandboxes;
import dev.holt.node.image.Disk;
import dev.holt.node.image.Disks;
import dev.holt.node.image.OverlayRootFileSystems;
import dev.holt.node.image.TemplateStore;
import dev.holt.node.interpreter.InterpreterSandbox;
import dev.holt.node.interpreter.InterpreterSandboxes;
import dev.holt.node.logs.LogStore;
import dev.holt.node.logs.SandboxEvents;
import dev.holt.node.metrics.Sampler;
import dev.holt.node.network.Slot;
import dev.holt.node.network.SlotFactory;
import dev.holt.node.pool.Foreground;
import dev.holt.node.pool.Pool;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.node.snapshot.SnapshotStore;
import dev.holt.node.snapshot.Verified;
import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.LogQuery;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.NodeStatus;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.Socket;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The sandboxes of this host: the door, and how its parts are put together. */
public final class LocalNode implements Node, AutoCloseable {
    private static final Duration CREATES_END = Duration.ofSeconds(60);
    /** A captured guest goes on within that, or something is wrong. */
    private static final Duration CAPTURE_PATIENCE = Duration.ofSeconds(60);

    private static final int MOST_SAMPLES = 1000;

    private final NodeContext context;
    private final Registry registry = new Registry();
    private final Creation creation;
    private final Transitions transitions;
    private final Ends ends;
    private final Sampler sampler;
    private final Reaper reaper;

    private volatile boolean stopping;

    /**
     * Takes over what an earlier run left, sweeps the rest, and serves.
     *
     * @param runtimes those that work on this host, strongest first, at least one; they stay the caller's to close
     * @param templates what sandboxes start from
     * @param disks what they write to; some of the default size are kept ready
     * @param agent host path of the guest agent's program
     * @param foreground what its pools step aside for, besides its own creates
     * @param warmUp what warm sandboxes hold besides themselves
     * @throws dev.holt.node.network.NetworkFailure when the host's network can't be prepared
     */
    public static LocalNode start(
            NodeConfig config,
            List<SandboxRuntime> runtimes,
            TemplateStore templates,
            Disks disks,
            Path agent,
            Foreground foreground,
            WarmUp warmUp) {
        int usualMegabytes = config.limits().resources().diskMegabytes();
        Pool<Disk> readyDisks =
                new Pool<>("disks", config.pools().disks(), foreground, count -> List.of(disks.create(usualMegabytes)));
        return new LocalNode(
                config,
                new NodeParts(
                        runtimes,
                        new OverlayRootFileSystems(templates, disks, readyDisks, usualMegabytes),
                        new SlotFactory(config.network()),
                        agent,
                        foreground,
                        List.of(readyDisks),
                        Clock.systemUTC(),
                        (step, sandbox) -> {},
                        new LoginShell(warmUp)));
    }

    /** As {@link #start} says, of any parts. */
    LocalNode(NodeConfig config, NodeParts parts) {
        Verified verified = new Verified();
        Pool<Slot> slots = new Pool<>("network slots", config.pools().slots(), parts.foreground(), parts.slots()::make);
        this.context = new NodeContext(
                config,
                parts,
                new Journal(config.sandboxes()),
                new LogStore(
                        config.stateDirectory().resolve("logs"),
                        config.logs().mostBytes(),
                        config.logs().retention(),
                        parts.clock()),
                new Capacity(config.limits().sandboxes(), (long)
                        ((hostMemoryBytes() >> 20) * config.limits().memoryOvercommit())),
                new SnapshotStore(config.snapshots(), verified, parts.clock()),
                verified,
                slots,
                new NodeEvents(),
                new Background(),
                new SecureRandom(),
                Journal.bootId());
        Losing losing = new Losing(context);
        this.ends = new Ends(context, registry, losing);
        List<Sandbox> adopted = new Recovery(context, new Settling(context, losing), ends::publish).run();

        slots.start();
        parts.pools().forEach(Pool::start);
        Launch launch = new Launch(context);
        Pausing pausing = new Pausing(context, losing);
        this.creation = new Creation(context, registry, new ColdStart(context, launch), ends, () -> stopping);
        this.transitions = new Transitions(
                context,
                registry,
                pausing,
                new Resuming(context, new Comeback(context, launch)),
                new Capturing(context, losing),
                new RollingBack(context, launch, losing),
                this::watch);
        adopted.forEach(this::adopt);
        creation.warm().start();
        this.sampler = new Sampler(config.metrics().interval(), parts.foreground(), registry::all);
        this.reaper = new Reaper(parts.clock(), new Duties(context, registry, ends, transitions, pausing)::look);
    }

    // ---- a sandbox's life -------------------------------------------------------------------------------------------

    @Override
    public SandboxStatus create(CreateSandbox request) {
        return creation.create(request);
    }

    /** What sandboxes of a template usually have: those kept ready have it. The node's default unless given. */
    public void usually(TemplateId template, Resources resources) {
        creation.usually(template, resources);
    }

    /** Keeps sandboxes of that build ready from now on, before anybody asks for one. */
    public void keepWarm(TemplateId template, String buildId) {
        creation.keepWarm(template, buildId);
    }

    @Override
    public void kill(SandboxId id, EndReason reason) {
        ends.end(registry.required(id), reason, running -> true);
    }

    @Override
    public SandboxStatus setDeadline(SandboxId id, Instant deadline, Duration timeout) {
        return transitions.setDeadline(id, deadline, timeout);
    }

    @Override
    public SandboxStatus pause(SandboxId id, boolean keepMemory) {
        requireServing();
        return transitions.pause(id, keepMemory, Cause.API);
    }

    @Override
    public Resumed resume(SandboxId id, ResumeSandbox request) {
        requireServing();
        return transitions.resume(id, request);
    }

    @Override
    public Resumed wake(SandboxId id, int port) {
        requireServing();
        return transitions.wake(id, port);
    }

    @Override
    public SnapshotBuild capture(SandboxId id, CaptureSandbox request) {
        requireServing();
        return transitions.capture(id, request);
    }

    @Override
    public Resumed rollback(SandboxId id, TemplateId template, String buildId) {
        requireServing();
        return transitions.rollback(id, template, buildId);
    }

    @Override
    public Resumed recover(SandboxId id) {
        requireServing();
        return transitions.recover(id);
    }

    private void requireServing() {
        if (stopping) {
            throw new NodeException(NodeException.Kind.UNAVAILABLE, "this node is stopping");
        }
    }

    @Override
    public List<SnapshotBuild> snapshots() {
        return context.snapshots().list();
    }

    @Override
    public void deleteSnapshot(TemplateId template, String buildId) {
        try {
            if (!context.snapshots().delete(template, buildId)) {
                throw new NodeException(
                        NodeException.Kind.NOT_FOUND,
                        "this node has no snapshot '" + buildId + "' of template '" + template + "'");
            }
        } catch (SnapshotFailure e) {
            throw new NodeException(NodeException.Kind.UNAVAILABLE, String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * Ids of the templates' builds that something here stands on: sandboxes that run, wait to be claimed, are paused or lost, and
     * snapshots. Those of creates under way are not among them. Empty when it can't be known.
     */
    public Optional<Set<String>> buildsInUse() {
        return context.snapshots().bases().map(bases -> {
            Set<String> builds = new HashSet<>(bases);
            registry.all().forEach(sandbox -> builds.add(sandbox.entry().base().buildId()));
            creation.warm().kinds().forEach(kind -> builds.add(kind.buildId()));
            return Set.copyOf(builds);
        });
    }

    // ---- ask --------------------------------------------------------------------------------------------------------

    @Override
    public Optional<SandboxStatus> find(SandboxId id) {
        return registry.any(id).flatMap(Sandbox::status);
    }

    @Override
    public List<SandboxStatus> list() {
        return registry.all().stream()
                .flatMap(sandbox -> sandbox.status().stream())
                .toList();
    }

    /** Where the envd service finds these sandboxes. */
    public EnvdSandboxes envdSandboxes() {
        return id -> registry.any(id).flatMap(sandbox -> sandbox.guest().envd());
    }

    /** Where the interpreter service finds these sandboxes. */
    public InterpreterSandboxes interpreterSandboxes() {
        return id -> envdSandboxes()
                .find(id)
                .map(sandbox ->
                        new InterpreterSandbox(id, sandbox.agent(), sandbox.accessToken(), sandbox.environment()));
    }

    @Override
    public NodeStatus status() {
        Capacity.Reserved reserved = context.capacity().reserved();
        return new NodeStatus(
                context.config().nodeId(),
                context.offered().map(SandboxRuntime::isolation).toList(),
                Runtime.getRuntime().availableProcessors(),
                hostMemoryBytes(),
                reserved.sandboxes(),
                context.config().limits().sandboxes(),
                creation.warm().ready(),
                reserved.cpus(),
                reserved.megabytes());
    }

    /** What a sandbox gets that asks for nothing else; also what warm ones have. */
    public Resources defaultResources() {
        return context.config().limits().resources();
    }

    @Override
    public List<SandboxEvent> events(SandboxId id) {
        SandboxEvents events = context.logs().events(id);
        if (!events.exist()) {
            throw new NodeException(
                    NodeException.Kind.NOT_FOUND, "this node knows of nothing that happened to a sandbox '" + id + "'");
        }
        return events.read();
    }

    @Override
    public List<LogEntry> logs(SandboxId id, LogQuery query) {
        return context.logs()
                .read(id, query)
                .orElseThrow(() -> new NodeException(
                        NodeException.Kind.NOT_FOUND, "this node has no log of a sandbox '" + id + "'"));
    }

    @Override
    public List<MetricSample> metrics(SandboxId id, Instant start, Instant end) {
        return registry.required(id).metrics().read(start, end, MOST_SAMPLES);
    }

    @Override
    public Socket open(SandboxId id, int port) throws IOException {
        Sandbox sandbox = registry.required(id);
        if (sandbox.phase() == Phase.CAPTURING) {
            sandbox.turns().take(CAPTURE_PATIENCE, () -> sandbox); // it goes on in a moment
        }
        return sandbox.guest().connect(port);
    }

    @Override
    public Subscription subscribe(NodeListener listener) {
        return context.listeners().subscribe(listener);
    }

    private static long hostMemoryBytes() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize();
    }

    // ---- start and stop ---------------------------------------------------------------------------------------------

    private void adopt(Sandbox sandbox) {
        if (sandbox.phase() != Phase.WARM) {
            registry.add(sandbox);
            creation.adopt(sandbox);
        } else if (!creation.warm().offer(sandbox)) {
            context.background().execute(sandbox::close);
            return;
        }
        watch(sandbox);
    }

    private void watch(Sandbox sandbox) {
        ends.watch(sandbox, creation.warm()::remove);
    }

    /**
     * Stops serving. What was made ahead of need is destroyed; claimed sandboxes run on unless the configuration says otherwise, in
     * which case those that run are killed and paused ones stay. Returns when everything that was being freed is free.
     */
    @Override
    public void close() {
        if (stopping) {
            return;
        }
        stopActing();
        creation.warm().close();
        if (context.config().killOnStop()) {
            registry.all()
                    .forEach(sandbox -> ends.endInBackground(
                            sandbox,
                            EndReason.KILLED,
                            still -> still.phase() == Phase.RUNNING || still.phase() == Phase.ENDING));
        }
        context.background().close();
        registry.all().forEach(sandbox -> sandbox.guest().leave());
        context.parts().pools().forEach(Pool::close);
        context.slots().close();
        context.parts().slots().close();
        context.listeners().close();
    }

    /** Returns when nothing is being done with the sandbox; for tests. */
    void awaitIdle(SandboxId id) {
        registry.required(id).turns().take(() -> id);
    }

    /** Whether a kill waits for something to give way; for tests. */
    boolean isEndWanted(SandboxId id) {
        return registry.any(id).map(sandbox -> sandbox.turns().endWanted()).orElse(false);
    }

    /** Lets creates end, refuses new ones, and from then on ends, samples and notices nothing by itself. */
    void stopActing() {
        stopping = true;
        ends.stopNoticing();
        try {
            context.foreground().awaitQuiet(CREATES_END);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        sampler.close();
        reaper.close();
    }
}
