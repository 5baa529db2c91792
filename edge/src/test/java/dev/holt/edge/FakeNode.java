package dev.holt.edge;

import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.LogQuery;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.NodeStatus;
import dev.holt.nodeapi.Pause;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.channels.SocketChannel;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/** A node whose sandboxes are loopback addresses: port N of a sandbox is what the test put there. */
public final class FakeNode implements Node {
    private final SecureRandom random = new SecureRandom();
    private final Map<SandboxId, SandboxStatus> sandboxes = new ConcurrentHashMap<>();
    private final Map<SandboxId, Map<Integer, InetSocketAddress>> ports = new ConcurrentHashMap<>();
    private final List<NodeListener> listeners = new CopyOnWriteArrayList<>();
    private final AtomicLong clock = new AtomicLong();
    private final boolean channels;
    final AtomicInteger opened = new AtomicInteger();

    /** Who asked for a wakening, and how many were done. */
    final AtomicInteger asked = new AtomicInteger();

    final AtomicInteger resumes = new AtomicInteger();
    private final ReentrantLock waking = new ReentrantLock();

    /** Runs within each wakening; may wait or throw. */
    volatile Runnable onWake = () -> {};

    volatile Runnable beforeOpen = () -> {};

    /** A node that opens sockets with channels, or plain ones. */
    public FakeNode(boolean channels) {
        this.channels = channels;
    }

    public SandboxId start() {
        return start(NetworkPolicy.OPEN);
    }

    SandboxId start(NetworkPolicy network) {
        return start(network, Optional.empty(), Lifecycle.killed(Duration.ofSeconds(300)));
    }

    SandboxId start(NetworkPolicy network, Optional<String> accessToken, Lifecycle lifecycle) {
        SandboxId id = SandboxId.random(random);
        SandboxStatus status = new SandboxStatus(
                id,
                "team",
                new TemplateId("base"),
                "build",
                Isolation.CONTAINER,
                new Resources(1, 128, 64),
                Instant.ofEpochSecond(clock.incrementAndGet()),
                Instant.MAX,
                accessToken,
                Map.of(),
                network,
                SandboxState.RUNNING,
                lifecycle,
                Optional.empty(),
                Optional.empty());
        ports.put(id, new ConcurrentHashMap<>());
        sandboxes.put(id, status);
        listeners.forEach(listener -> listener.started(status));
        return id;
    }

    private SandboxStatus existing(SandboxId sandbox) {
        return find(sandbox)
                .orElseThrow(() -> new NodeException(NodeException.Kind.NOT_FOUND, "no sandbox " + sandbox));
    }

    /** Puts a sandbox into a state and tells the listeners. */
    SandboxStatus put(SandboxId sandbox, SandboxState state) {
        return put(sandbox, state, MemoryKept.DISK);
    }

    SandboxStatus put(SandboxId sandbox, SandboxState state, MemoryKept memory) {
        SandboxStatus s = existing(sandbox);
        SandboxStatus status = new SandboxStatus(
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
                state == SandboxState.PAUSED ? Optional.of(new Pause(Instant.EPOCH, memory)) : Optional.empty(),
                Optional.empty());
        sandboxes.put(sandbox, status);
        listeners.forEach(listener -> listener.changed(status));
        return status;
    }

    /** As a node does it: one resume for everybody who waits. */
    @Override
    public Resumed wake(SandboxId sandbox, int port) {
        asked.incrementAndGet();
        waking.lock();
        try {
            SandboxStatus status = existing(sandbox);
            if (status.state() == SandboxState.RUNNING) {
                return new Resumed(status, Resumed.Way.RAN, Optional.empty());
            }
            if (status.state() == SandboxState.PAUSED && !status.lifecycle().autoResume()) {
                throw new NodeException(NodeException.Kind.CONFLICT, "traffic may not wake it");
            }
            put(sandbox, SandboxState.RESUMING);
            resumes.incrementAndGet();
            try {
                onWake.run();
            } catch (NodeException failure) {
                put(sandbox, SandboxState.PAUSED);
                throw failure;
            }
            return new Resumed(put(sandbox, SandboxState.RUNNING), Resumed.Way.RESTORED, Optional.empty());
        } finally {
            waking.unlock();
        }
    }

    public void listen(SandboxId sandbox, int port, InetSocketAddress address) {
        ports.getOrDefault(sandbox, Map.of()).put(port, address);
    }

    @Override
    public Socket open(SandboxId sandbox, int port) throws IOException {
        SandboxState state = existing(sandbox).state();
        if (state != SandboxState.RUNNING && state != SandboxState.CAPTURING) {
            throw new NodeException(NodeException.Kind.CONFLICT, "it is " + state);
        }
        beforeOpen.run();
        opened.incrementAndGet();
        InetSocketAddress closedPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 1);
        InetSocketAddress address = ports.getOrDefault(sandbox, Map.of()).getOrDefault(port, closedPort);
        Socket socket =
                channels ? SocketChannel.open(address).socket() : new Socket(address.getAddress(), address.getPort());
        return socket;
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
        sandboxes.remove(sandbox);
        listeners.forEach(listener -> listener.ended(sandbox, reason, Instant.now()));
    }

    @Override
    public Subscription subscribe(NodeListener listener) {
        listeners.add(listener);
        return () -> listeners.remove(listener);
    }

    @Override
    public NodeStatus status() {
        throw new UnsupportedOperationException();
    }

    @Override
    public SandboxStatus create(CreateSandbox request) {
        throw new UnsupportedOperationException();
    }

    @Override
    public SandboxStatus setDeadline(SandboxId sandbox, Instant deadline, Duration timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public SandboxStatus pause(SandboxId sandbox, boolean keepMemory) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Resumed resume(SandboxId sandbox, ResumeSandbox request) {
        throw new UnsupportedOperationException();
    }

    @Override
    public SnapshotBuild capture(SandboxId sandbox, CaptureSandbox request) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Resumed rollback(SandboxId sandbox, TemplateId template, String buildId) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Resumed recover(SandboxId sandbox) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<SnapshotBuild> snapshots() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void deleteSnapshot(TemplateId template, String buildId) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<SandboxEvent> events(SandboxId sandbox) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<LogEntry> logs(SandboxId sandbox, LogQuery query) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<MetricSample> metrics(SandboxId sandbox, Instant start, Instant end) {
        throw new UnsupportedOperationException();
    }
}
