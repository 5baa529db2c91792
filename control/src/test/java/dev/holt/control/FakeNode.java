package dev.holt.control;

import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.LogQuery;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.NodeStatus;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
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
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** A node in memory that keeps the promises of {@link Node}; it runs nothing. */
final class FakeNode implements Node {
    private final SecureRandom random = new SecureRandom();
    final Map<SandboxId, SandboxStatus> sandboxes = new ConcurrentHashMap<>();
    final Map<SandboxId, List<LogEntry>> logs = new ConcurrentHashMap<>();
    final Map<SandboxId, List<MetricSample>> metrics = new ConcurrentHashMap<>();
    final Map<SandboxId, EndReason> ended = new ConcurrentHashMap<>();
    final List<CreateSandbox> requests = new CopyOnWriteArrayList<>();
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
                sandboxes.size(),
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
        if (sandboxes.size() >= capacity) {
            throw NodeException.full("all " + capacity + " places are taken", Duration.ofSeconds(7));
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
                request.network());
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

    @Override
    public SandboxStatus setDeadline(SandboxId sandbox, Instant deadline) {
        SandboxStatus moved = sandboxes.computeIfPresent(
                sandbox,
                (id, s) -> new SandboxStatus(
                        id,
                        s.teamId(),
                        s.template(),
                        s.buildId(),
                        s.isolation(),
                        s.resources(),
                        s.startedAt(),
                        deadline,
                        s.accessToken(),
                        s.metadata(),
                        s.network()));
        if (moved == null) {
            throw new NodeException(NodeException.Kind.NOT_FOUND, "no sandbox " + sandbox);
        }
        return moved;
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
