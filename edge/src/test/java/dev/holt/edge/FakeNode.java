package dev.holt.edge;

import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.LogQuery;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.NodeStatus;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.channels.SocketChannel;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** A node whose sandboxes are loopback addresses: port N of a sandbox is what the test put there. */
public final class FakeNode implements Node {
    private final SecureRandom random = new SecureRandom();
    private final Map<SandboxId, SandboxStatus> sandboxes = new ConcurrentHashMap<>();
    private final Map<SandboxId, Map<Integer, InetSocketAddress>> ports = new ConcurrentHashMap<>();
    private final List<NodeListener> listeners = new CopyOnWriteArrayList<>();
    private final AtomicLong clock = new AtomicLong();
    private final boolean channels;
    final AtomicInteger opened = new AtomicInteger();

    /** A node that opens sockets with channels, or plain ones. */
    public FakeNode(boolean channels) {
        this.channels = channels;
    }

    public SandboxId start() {
        return start(NetworkPolicy.OPEN);
    }

    SandboxId start(NetworkPolicy network) {
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
                Optional.empty(),
                Map.of(),
                network);
        ports.put(id, new ConcurrentHashMap<>());
        sandboxes.put(id, status);
        listeners.forEach(listener -> listener.started(status));
        return id;
    }

    public void listen(SandboxId sandbox, int port, InetSocketAddress address) {
        ports.getOrDefault(sandbox, Map.of()).put(port, address);
    }

    @Override
    public Socket open(SandboxId sandbox, int port) throws IOException {
        if (!sandboxes.containsKey(sandbox)) {
            throw new NodeException(NodeException.Kind.NOT_FOUND, "no sandbox " + sandbox);
        }
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
    public SandboxStatus setDeadline(SandboxId sandbox, Instant deadline) {
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
