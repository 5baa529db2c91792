package dev.holt.node;

import com.sun.management.OperatingSystemMXBean;
import dev.holt.node.envd.EnvdSandboxes;
import dev.holt.node.image.Disk;
import dev.holt.node.image.Disks;
import dev.holt.node.image.ImageFailure;
import dev.holt.node.image.OverlayRootFileSystems;
import dev.holt.node.image.TemplateImage;
import dev.holt.node.image.TemplateStore;
import dev.holt.node.interpreter.InterpreterSandbox;
import dev.holt.node.interpreter.InterpreterSandboxes;
import dev.holt.node.logs.LogStore;
import dev.holt.node.metrics.Sampler;
import dev.holt.node.network.NetworkFailure;
import dev.holt.node.network.Slot;
import dev.holt.node.network.SlotFactory;
import dev.holt.node.pool.Foreground;
import dev.holt.node.pool.Lease;
import dev.holt.node.pool.Leases;
import dev.holt.node.pool.Pool;
import dev.holt.node.process.CommandFailure;
import dev.holt.node.runtime.RuntimeFailure;
import dev.holt.node.runtime.SandboxRuntime;
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
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The sandboxes of this host. */
public final class LocalNode implements Node, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(LocalNode.class);
    private static final Duration LOG_SWEEP = Duration.ofMinutes(1);
    private static final Duration CREATES_END = Duration.ofSeconds(60);
    private static final int MOST_SAMPLES = 1000;

    private final NodeConfig config;
    private final NodeParts parts;
    private final LogStore logs;
    private final Capacity capacity;
    private final CreateRequests requests;
    private final ColdStart coldStart;
    private final WarmPools warm;
    private final Pool<Slot> slots;
    private final Sampler sampler;
    private final Reaper reaper;
    private final Foreground foreground;
    private final NodeEvents events = new NodeEvents();
    private final Background background = new Background();
    /** Every claimed sandbox of which something may still run. */
    private final Map<SandboxId, Sandbox> sandboxes = new ConcurrentHashMap<>();
    /** What sandboxes of a template usually have, where that is not the node's default. */
    private final Map<TemplateId, Resources> usual = new ConcurrentHashMap<>();

    private Instant nextLogSweep = Instant.EPOCH;
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
                        runtimes.stream()
                                .filter(runtime -> config.runtime()
                                        .map(runtime.isolation()::equals)
                                        .orElse(true))
                                .toList(),
                        new OverlayRootFileSystems(templates, disks, readyDisks, usualMegabytes),
                        new SlotFactory(config.network()),
                        agent,
                        foreground,
                        List.of(readyDisks),
                        Clock.systemUTC(),
                        (step, sandbox) -> {},
                        warmUp));
    }

    /** As {@link #start} says, of any parts. */
    LocalNode(NodeConfig config, NodeParts parts) {
        this.config = config;
        this.parts = parts;
        this.foreground = parts.foreground();
        this.logs = new LogStore(
                config.stateDirectory().resolve("logs"),
                config.logs().mostBytes(),
                config.logs().retention(),
                parts.clock());
        this.capacity = new Capacity(config.limits().sandboxes(), (long)
                ((hostMemoryBytes() >> 20) * config.limits().memoryOvercommit()));
        this.requests = new CreateRequests(parts.clock());
        Journal journal = new Journal(config.sandboxes());
        List<Sandbox> adopted = new Recovery(config, parts, journal, logs, capacity, this::publishEnd).run();

        this.slots = new Pool<Slot>("network slots", config.pools().slots(), foreground, parts.slots()::make).start();
        parts.pools().forEach(Pool::start);
        this.coldStart = new ColdStart(config, parts, journal, logs, slots);
        this.warm = new WarmPools(config.pools(), foreground, background, this::worthWarming, this::startWarm);
        adopted.forEach(this::adopt);
        warm.start();
        this.sampler = new Sampler(config.metrics().interval(), foreground, sandboxes::values);
        this.reaper = new Reaper(parts.clock(), this::reap);
    }

    // ---- create -----------------------------------------------------------------------------------------------------

    @Override
    public SandboxStatus create(CreateSandbox request) {
        return requests.once(request.requestId(), () -> {
            try {
                return begin(request);
            } catch (RuntimeFailure | ImageFailure | CommandFailure | NetworkFailure | UncheckedIOException e) {
                throw new NodeException(
                        NodeException.Kind.UNAVAILABLE, "no sandbox could be started: " + e.getMessage(), e);
            }
        });
    }

    private SandboxStatus begin(CreateSandbox request) {
        SandboxRuntime runtime = runtimeFor(request);
        requireUsable(request);
        TemplateImage image = image(request.template(), request.buildId());
        SandboxKind kind =
                new SandboxKind(request.template(), request.buildId(), request.resources(), runtime.isolation());
        try (Lease waiting = foreground.enter();
                Leases leases = new Leases()) {
            if (stopping) {
                throw new NodeException(NodeException.Kind.UNAVAILABLE, "this node is stopping");
            }
            Lease promised = leases.add(capacity.reserve(request.resources()));
            Sandbox sandbox = claimed(request, promised, kind, () -> coldStart.start(kind, image, runtime));
            leases.keep();
            return sandbox.status()
                    .orElseThrow(() -> new NodeException(
                            NodeException.Kind.UNAVAILABLE, "the new sandbox " + sandbox.id() + " ended at once"));
        }
    }

    /** A sandbox that is now the request's: a warm one that still lives, else a new one. */
    private Sandbox claimed(CreateSandbox request, Lease promised, SandboxKind kind, Supplier<Sandbox> cold) {
        JournalEntry.Claim claim = new JournalEntry.Claim(
                request.requestId(),
                request.teamId(),
                request.deadline(),
                request.accessToken(),
                request.environment(),
                request.metadata(),
                request.network());
        for (Optional<Sandbox> ready = warm.poll(kind); ready.isPresent(); ready = warm.poll(kind)) {
            if (claim(ready.get(), claim, promised)) {
                return ready.get();
            }
        }
        Sandbox started = watched(cold.get());
        if (claim(started, claim, promised)) {
            return started;
        }
        throw new NodeException(
                NodeException.Kind.UNAVAILABLE, "the new sandbox " + started.id() + " ended as soon as it was up");
    }

    /** False when the sandbox turned out to be dead; on failure nothing of it is left. */
    private boolean claim(Sandbox sandbox, JournalEntry.Claim claim, Lease promised) {
        // In the map before it is claimed: whoever ends it from then on, a crash for example, finds it there.
        sandboxes.put(sandbox.id(), sandbox);
        try {
            if (sandbox.claim(
                    claim, promised, parts.steps(), status -> events.publish(listener -> listener.started(status)))) {
                return true;
            }
        } catch (RuntimeException e) {
            sandboxes.remove(sandbox.id());
            try (sandbox) {
                throw e;
            }
        }
        sandboxes.remove(sandbox.id());
        background.execute(sandbox::close);
        return false;
    }

    private Sandbox startWarm(SandboxKind kind) {
        SandboxRuntime runtime = parts.runtimes().stream()
                .filter(candidate -> candidate.isolation() == kind.isolation())
                .findFirst()
                .orElseThrow();
        Sandbox sandbox = coldStart.start(kind, image(kind.template(), kind.buildId()), runtime);
        try {
            sandbox.rest(parts.warmUp());
        } catch (RuntimeException e) {
            try (sandbox) {
                throw e;
            }
        }
        return watched(sandbox);
    }

    private boolean worthWarming(SandboxKind kind) {
        return kind.resources().equals(usual.getOrDefault(kind.template(), defaultResources()))
                && kind.isolation() == parts.runtimes().getFirst().isolation();
    }

    /** What sandboxes of a template usually have: those kept ready have it. The node's default unless given. */
    public void usually(TemplateId template, Resources resources) {
        usual.put(template, resources);
    }

    /** Keeps sandboxes of that build ready from now on, before anybody asks for one. */
    public void keepWarm(TemplateId template, String buildId) {
        image(template, buildId);
        warm.keep(new SandboxKind(
                template,
                buildId,
                usual.getOrDefault(template, defaultResources()),
                parts.runtimes().getFirst().isolation()));
    }

    private SandboxRuntime runtimeFor(CreateSandbox request) {
        return parts.runtimes().stream()
                .filter(runtime ->
                        request.runtime().map(runtime.isolation()::equals).orElse(true)
                                && runtime.isolation().atLeast(request.weakestIsolation()))
                .findFirst()
                .orElseThrow(() -> new NodeException(
                        NodeException.Kind.INVALID,
                        "this node offers "
                                + parts.runtimes().stream()
                                        .map(runtime -> runtime.isolation().wireName())
                                        .toList()
                                + "; the request wants "
                                + request.runtime()
                                        .map(wanted -> wanted.wireName() + " and ")
                                        .orElse("")
                                + "at least " + request.weakestIsolation().wireName()));
    }

    private static void requireUsable(CreateSandbox request) {
        try {
            SlotFactory.check(request.network());
        } catch (IllegalArgumentException e) {
            throw new NodeException(NodeException.Kind.INVALID, "network: " + e.getMessage(), e);
        }
    }

    private TemplateImage image(TemplateId template, String buildId) {
        return parts.rootFileSystems()
                .find(template, buildId)
                .orElseThrow(() -> new NodeException(
                        NodeException.Kind.NOT_FOUND,
                        "this node has no build '" + buildId + "' of template '" + template + "'"));
    }

    // ---- end --------------------------------------------------------------------------------------------------------

    @Override
    public void kill(SandboxId id, EndReason reason) {
        Sandbox sandbox = sandboxes.get(id);
        if (sandbox == null || sandbox.state() == SandboxState.ENDED) {
            throw notFound(id);
        }
        end(sandbox, reason, running -> true);
    }

    private void end(Sandbox sandbox, EndReason reason, Predicate<Sandbox> condition) {
        if (sandbox.stop(reason, condition)) {
            publishEnd(sandbox.id(), sandbox.endReason());
            background.execute(() -> {
                sandbox.release();
                sandboxes.remove(sandbox.id());
            });
        }
    }

    private void publishEnd(SandboxId sandbox, EndReason reason) {
        Instant now = parts.clock().instant();
        events.publish(listener -> listener.ended(sandbox, reason, now));
    }

    /** Four times a second: ends what is due, and tries again to end what could not be ended. */
    private void reap(Instant now) {
        for (Sandbox sandbox : sandboxes.values()) {
            if (sandbox.busy()) {
                continue;
            }
            if (sandbox.state() == SandboxState.RUNNING && sandbox.expired(now)) {
                endInBackground(sandbox, EndReason.TIMEOUT, still -> still.expired(now));
            } else if (sandbox.state() == SandboxState.ENDING) {
                endInBackground(sandbox, sandbox.endReason(), still -> true);
            }
        }
        if (!now.isBefore(nextLogSweep) || now.isBefore(nextLogSweep.minus(LOG_SWEEP))) {
            nextLogSweep = now.plus(LOG_SWEEP);
            background.execute(() -> logs.expire(sandboxes.keySet()));
        }
    }

    private void endInBackground(Sandbox sandbox, EndReason reason, Predicate<Sandbox> condition) {
        background.execute(() -> {
            try {
                end(sandbox, reason, condition);
            } catch (RuntimeException e) {
                log.error("sandbox {} could not be ended, will try again", sandbox.id(), e);
            }
        });
    }

    /** Watches for the end of a sandbox's first process, for as long as it lives. */
    private Sandbox watched(Sandbox sandbox) {
        Thread.ofVirtual().name("end of " + sandbox.id()).start(() -> {
            try {
                sandbox.awaitEnd();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            } catch (CancellationException e) {
                return; // the watching ends before the sandbox does: this daemon stops
            }
            crashed(sandbox);
        });
        return sandbox;
    }

    private void crashed(Sandbox sandbox) {
        if (stopping) {
            return;
        }
        if (sandbox.died() == SandboxState.RUNNING) {
            log.warn("sandbox {} ended by itself", sandbox.id());
            endInBackground(sandbox, EndReason.CRASHED, still -> true);
        } else if (warm.remove(sandbox)) {
            log.warn("the warm sandbox {} ended by itself", sandbox.id());
            background.execute(sandbox::close);
        }
    }

    // ---- ask --------------------------------------------------------------------------------------------------------

    @Override
    public Optional<SandboxStatus> find(SandboxId id) {
        return Optional.ofNullable(sandboxes.get(id)).flatMap(Sandbox::status);
    }

    @Override
    public List<SandboxStatus> list() {
        return sandboxes.values().stream()
                .flatMap(sandbox -> sandbox.status().stream())
                .toList();
    }

    /** Where the envd service finds these sandboxes. */
    public EnvdSandboxes envdSandboxes() {
        return id -> Optional.ofNullable(sandboxes.get(id)).flatMap(Sandbox::envd);
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
        Capacity.Reserved reserved = capacity.reserved();
        return new NodeStatus(
                config.nodeId(),
                parts.runtimes().stream().map(SandboxRuntime::isolation).toList(),
                Runtime.getRuntime().availableProcessors(),
                hostMemoryBytes(),
                reserved.sandboxes(),
                config.limits().sandboxes(),
                warm.ready(),
                reserved.cpus(),
                reserved.megabytes());
    }

    /** What a sandbox gets that asks for nothing else; also what warm ones have. */
    public Resources defaultResources() {
        return config.limits().resources();
    }

    @Override
    public SandboxStatus setDeadline(SandboxId id, Instant deadline) {
        Sandbox sandbox = required(id);
        if (!sandbox.setDeadline(deadline)) {
            throw notFound(id);
        }
        return sandbox.status().orElseThrow(() -> notFound(id));
    }

    @Override
    public List<LogEntry> logs(SandboxId id, LogQuery query) {
        return logs.read(id, query)
                .orElseThrow(() -> new NodeException(
                        NodeException.Kind.NOT_FOUND, "this node has no log of a sandbox '" + id + "'"));
    }

    @Override
    public List<MetricSample> metrics(SandboxId id, Instant start, Instant end) {
        return required(id).metrics().orElseThrow(() -> notFound(id)).read(start, end, MOST_SAMPLES);
    }

    @Override
    public Socket open(SandboxId id, int port) throws IOException {
        return required(id).connect(port);
    }

    @Override
    public Subscription subscribe(NodeListener listener) {
        return events.subscribe(listener);
    }

    private Sandbox required(SandboxId id) {
        Sandbox sandbox = sandboxes.get(id);
        if (sandbox == null || sandbox.status().isEmpty()) {
            throw notFound(id);
        }
        return sandbox;
    }

    private static NodeException notFound(SandboxId id) {
        return new NodeException(NodeException.Kind.NOT_FOUND, "no sandbox '" + id + "' runs on this node");
    }

    private static long hostMemoryBytes() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize();
    }

    // ---- start and stop ---------------------------------------------------------------------------------------------

    private void adopt(Sandbox sandbox) {
        if (sandbox.state() == SandboxState.RUNNING) {
            sandboxes.put(sandbox.id(), sandbox);
            sandbox.claim()
                    .ifPresent(
                            claim -> sandbox.status().ifPresent(status -> requests.adopt(claim.requestId(), status)));
        } else if (!warm.offer(sandbox)) {
            background.execute(sandbox::close);
            return;
        }
        watched(sandbox);
    }

    /**
     * Stops serving. What was made ahead of need is destroyed; claimed sandboxes run on unless the configuration says otherwise.
     * Returns when everything that was being freed is free.
     */
    @Override
    public void close() {
        if (stopping) {
            return;
        }
        stopActing();
        warm.close();
        if (config.killOnStop()) {
            sandboxes.values().forEach(sandbox -> endInBackground(sandbox, EndReason.KILLED, still -> true));
        }
        background.close();
        sandboxes.values().forEach(Sandbox::leave);
        parts.pools().forEach(Pool::close);
        slots.close();
        parts.slots().close();
        events.close();
    }

    /** Lets creates end, refuses new ones, and from then on ends, samples and notices nothing by itself. */
    void stopActing() {
        stopping = true;
        try {
            foreground.awaitQuiet(CREATES_END);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        sampler.close();
        reaper.close();
    }
}
