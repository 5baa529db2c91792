package dev.holt.control;

import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.LogQuery;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.NodeStatus;
import dev.holt.nodeapi.Pause;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.function.Consumer;

/** A node in memory that keeps the promises of {@link Node}; it runs nothing. */
final class FakeNode implements Node {
    private final SecureRandom random = new SecureRandom();
    final Map<SandboxId, SandboxStatus> sandboxes = new ConcurrentHashMap<>();
    final Map<SandboxId, List<LogEntry>> logs = new ConcurrentHashMap<>();
    final Map<SandboxId, List<MetricSample>> metrics = new ConcurrentHashMap<>();
    final Map<SandboxId, EndReason> ended = new ConcurrentHashMap<>();
    final List<CreateSandbox> requests = new CopyOnWriteArrayList<>();
    final Map<SandboxId, List<SandboxEvent>> events = new ConcurrentHashMap<>();
    final List<SnapshotBuild> builds = new CopyOnWriteArrayList<>();
    /** Whose builds it has, whichever they are. */
    final Set<String> templates = new CopyOnWriteArraySet<>(Set.of("base"));

    final List<CaptureSandbox> captures = new CopyOnWriteArrayList<>();

    /** What was asked about state, in order. */
    final List<String> moves = new CopyOnWriteArrayList<>();

    private final Object lock = new Object();
    volatile Optional<String> fallback = Optional.empty();

    /** Runs before each move and capture; may throw. */
    volatile Consumer<SandboxId> onMove = sandbox -> {};

    private final List<NodeListener> listeners = new CopyOnWriteArrayList<>();
    volatile int capacity = 10_000;
    /** Runs inside each create; may throw. */
    volatile Consumer<CreateSandbox> onCreate = request -> {};

    /** Runs after each create, before it returns. */
    volatile Consumer<SandboxStatus> afterCreate = sandbox -> {};

    void log(String sandbox, LogEntry line) {
        logs.computeIfAbsent(new SandboxId(sandbox), id -> new ArrayList<>()).add(line);
    }

    void sample(String sandbox, MetricSample sample) {
        metrics.computeIfAbsent(new SandboxId(sandbox), id -> new ArrayList<>()).add(sample);
    }

    @Override
    public NodeStatus status() {
        return new NodeStatus(
                "node-1",
                List.of(Isolation.GVISOR, Isolation.CONTAINER),
                2,
                1L << 33,
                (int) running(),
                capacity,
                3,
                sandboxes.values().stream()
                        .mapToInt(s -> s.resources().cpuCount())
                        .sum(),
                sandboxes.values().stream()
                        .mapToLong(s -> s.resources().memoryMegabytes())
                        .sum());
    }

    @Override
    public SandboxStatus create(CreateSandbox request) {
        requests.add(request);
        onCreate.accept(request);
        checkRoom();
        boolean unknownBuild =
                builds.stream().noneMatch(build -> build.buildId().equals(request.buildId()));
        if (unknownBuild && !templates.contains(request.template().value())) {
            throw new NodeException(NodeException.Kind.NOT_FOUND, "no build " + request.buildId());
        }
        SandboxStatus sandbox = new SandboxStatus(
                SandboxId.random(random),
                request.teamId(),
                request.template(),
                request.buildId(),
                Isolation.GVISOR,
                request.resources(),
                Instant.now(),
                request.deadline(),
                request.accessToken(),
                request.metadata(),
                request.network(),
                SandboxState.RUNNING,
                request.lifecycle(),
                Optional.empty(),
                Optional.empty());
        sandboxes.put(sandbox.id(), sandbox);
        logs.put(sandbox.id(), new ArrayList<>());
        listeners.forEach(listener -> listener.started(sandbox));
        afterCreate.accept(sandbox);
        return sandbox;
    }

    @Override
    public Optional<SandboxStatus> find(SandboxId sandbox) {
        return Optional.ofNullable(sandboxes.get(sandbox));
    }

    @Override
    public List<SandboxStatus> list() {
        return List.copyOf(sandboxes.values());
    }

    @Override
    public void kill(SandboxId sandbox, EndReason reason) {
        if (sandboxes.remove(sandbox) == null) {
            throw new NodeException(NodeException.Kind.NOT_FOUND, "no sandbox " + sandbox);
        }
        ended.put(sandbox, reason);
        listeners.forEach(listener -> listener.ended(sandbox, reason, Instant.now()));
    }

    private long running() {
        return sandboxes.values().stream()
                .filter(sandbox -> sandbox.state() == SandboxState.RUNNING)
                .count();
    }

    private void checkRoom() {
        if (running() >= capacity) {
            throw NodeException.full("all " + capacity + " places are taken", Duration.ofSeconds(7));
        }
    }

    private SandboxStatus existing(SandboxId sandbox) {
        return find(sandbox)
                .orElseThrow(() -> new NodeException(NodeException.Kind.NOT_FOUND, "no sandbox " + sandbox));
    }

    /** Puts a sandbox into a state, as its node would, and tells the listeners. */
    SandboxStatus put(SandboxId sandbox, SandboxState state, Optional<Pause> pause, Optional<String> problem) {
        SandboxStatus s = existing(sandbox);
        return replace(new SandboxStatus(
                s.id(),
                s.teamId(),
                s.template(),
                s.buildId(),
                s.isolation(),
                s.resources(),
                s.startedAt(),
                s.deadline(),
                s.accessToken(),
                s.metadata(),
                s.network(),
                state,
                s.lifecycle(),
                pause,
                problem));
    }

    SandboxStatus put(SandboxId sandbox, SandboxState state) {
        return put(sandbox, state, Optional.empty(), Optional.empty());
    }

    private SandboxStatus replace(SandboxStatus status) {
        sandboxes.put(status.id(), status);
        listeners.forEach(listener -> listener.changed(status));
        return status;
    }

    private SandboxStatus withDeadline(SandboxStatus s, Instant deadline, Duration timeout) {
        return new SandboxStatus(
                s.id(),
                s.teamId(),
                s.template(),
                s.buildId(),
                s.isolation(),
                s.resources(),
                s.startedAt(),
                deadline,
                s.accessToken(),
                s.metadata(),
                s.network(),
                s.state(),
                s.lifecycle().withTimeout(timeout),
                s.pause(),
                s.problem());
    }

    private static NodeException conflict(SandboxStatus sandbox) {
        return new NodeException(
                NodeException.Kind.CONFLICT,
                "sandbox " + sandbox.id() + " is " + sandbox.state().wireName());
    }

    @Override
    public SandboxStatus setDeadline(SandboxId sandbox, Instant deadline, Duration timeout) {
        SandboxStatus s = existing(sandbox);
        if (s.state() != SandboxState.RUNNING) {
            throw conflict(s);
        }
        return replace(withDeadline(s, deadline, timeout));
    }

    @Override
    public SandboxStatus pause(SandboxId sandbox, boolean keepMemory) {
        moves.add("pause " + keepMemory);
        onMove.accept(sandbox);
        synchronized (lock) {
            SandboxStatus s = existing(sandbox);
            if (s.state() != SandboxState.RUNNING) {
                throw conflict(s);
            }
            Pause pause = new Pause(Instant.now(), keepMemory ? MemoryKept.DISK : MemoryKept.NONE);
            return put(sandbox, SandboxState.PAUSED, Optional.of(pause), Optional.empty());
        }
    }

    @Override
    public Resumed resume(SandboxId sandbox, ResumeSandbox request) {
        moves.add("resume " + request.timeout().toSeconds() + " " + request.useMemory());
        onMove.accept(sandbox);
        synchronized (lock) {
            SandboxStatus s = existing(sandbox);
            Instant deadline = Instant.now().plus(request.timeout());
            if (s.state() == SandboxState.RUNNING) {
                boolean later = deadline.isAfter(s.deadline());
                return new Resumed(
                        later ? replace(withDeadline(s, deadline, request.timeout())) : s,
                        Resumed.Way.RAN,
                        Optional.empty());
            }
            if (s.state() != SandboxState.PAUSED) {
                throw conflict(s);
            }
            checkRoom();
            boolean memory = s.pause().orElseThrow().memory() != MemoryKept.NONE && request.useMemory();
            put(sandbox, SandboxState.RUNNING);
            return new Resumed(
                    replace(withDeadline(existing(sandbox), deadline, request.timeout())),
                    memory && fallback.isEmpty() ? Resumed.Way.RESTORED : Resumed.Way.BOOTED,
                    fallback);
        }
    }

    @Override
    public Resumed wake(SandboxId sandbox, int port) {
        return resume(sandbox, new ResumeSandbox(Duration.ofSeconds(7200), true));
    }

    @Override
    public SnapshotBuild capture(SandboxId sandbox, CaptureSandbox request) {
        captures.add(request);
        onMove.accept(sandbox);
        SandboxStatus s = existing(sandbox);
        if (s.state() == SandboxState.LOST || s.state().inTransition()) {
            throw conflict(s);
        }
        SnapshotBuild build = new SnapshotBuild(
                request.template(),
                request.buildId(),
                sandbox,
                s.teamId(),
                s.isolation(),
                request.keepMemory() ? MemoryKept.DISK : MemoryKept.NONE,
                s.resources(),
                4096,
                Instant.now(),
                Duration.ofMillis(12));
        builds.add(build);
        return build;
    }

    @Override
    public Resumed rollback(SandboxId sandbox, TemplateId template, String buildId) {
        moves.add("rollback " + buildId);
        onMove.accept(sandbox);
        existing(sandbox);
        SnapshotBuild build = builds.stream()
                .filter(known -> known.buildId().equals(buildId))
                .findFirst()
                .orElseThrow(() -> new NodeException(NodeException.Kind.NOT_FOUND, "no build " + buildId));
        if (!build.source().equals(sandbox)) {
            throw new NodeException(NodeException.Kind.INVALID, "that build was made from " + build.source());
        }
        return new Resumed(put(sandbox, SandboxState.RUNNING), Resumed.Way.RESTORED, Optional.empty());
    }

    @Override
    public Resumed recover(SandboxId sandbox) {
        SandboxStatus s = existing(sandbox);
        onMove.accept(sandbox);
        if (s.state() != SandboxState.LOST) {
            throw conflict(s);
        }
        return new Resumed(put(sandbox, SandboxState.RUNNING), Resumed.Way.BOOTED, Optional.of("no memory is left"));
    }

    @Override
    public List<SnapshotBuild> snapshots() {
        return List.copyOf(builds);
    }

    @Override
    public void deleteSnapshot(TemplateId template, String buildId) {
        if (!builds.removeIf(build -> build.buildId().equals(buildId))) {
            throw new NodeException(NodeException.Kind.NOT_FOUND, "no build " + buildId);
        }
    }

    @Override
    public List<SandboxEvent> events(SandboxId sandbox) {
        return Optional.ofNullable(events.get(sandbox))
                .orElseThrow(() -> new NodeException(NodeException.Kind.NOT_FOUND, "no events of " + sandbox));
    }

    @Override
    public List<LogEntry> logs(SandboxId sandbox, LogQuery query) {
        List<LogEntry> all = logs.get(sandbox);
        if (all == null) {
            throw new NodeException(NodeException.Kind.NOT_FOUND, "no log of " + sandbox);
        }
        Comparator<LogEntry> order = Comparator.comparing(LogEntry::timestamp);
        return all.stream()
                .filter(line -> query.from().isEmpty()
                        || !line.timestamp().isBefore(query.from().get()))
                .filter(line -> query.until().isEmpty()
                        || !line.timestamp().isAfter(query.until().get()))
                .filter(line -> line.level().compareTo(query.least()) >= 0)
                .filter(line -> query.search().isEmpty()
                        || line.message().contains(query.search().get()))
                .sorted(query.newestFirst() ? order.reversed() : order)
                .limit(query.limit())
                .sorted(order)
                .toList();
    }

    @Override
    public List<MetricSample> metrics(SandboxId sandbox, Instant start, Instant end) {
        if (!sandboxes.containsKey(sandbox)) {
            throw new NodeException(NodeException.Kind.NOT_FOUND, "no sandbox " + sandbox);
        }
        return metrics.getOrDefault(sandbox, List.of()).stream()
                .filter(sample ->
                        !sample.time().isBefore(start) && !sample.time().isAfter(end))
                .toList();
    }

    @Override
    public Socket open(SandboxId sandbox, int port) throws IOException {
        throw new ConnectException("nothing listens in a sandbox that runs nothing");
    }

    @Override
    public Subscription subscribe(NodeListener listener) {
        listeners.add(listener);
        return () -> listeners.remove(listener);
    }
}
