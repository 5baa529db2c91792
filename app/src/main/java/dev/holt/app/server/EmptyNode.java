package dev.holt.app.server;

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
import java.net.Socket;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** A node with no room for a single sandbox, behind which the other rooms can be run anywhere: for {@link Training}. */
final class EmptyNode implements Node {
    @Override
    public NodeStatus status() {
        return new NodeStatus("empty", List.of(Isolation.CONTAINER), 1, 1 << 30, 0, 0, 0, 0, 0);
    }

    @Override
    public SandboxStatus create(CreateSandbox request) {
        throw new NodeException(NodeException.Kind.FULL, "this node has no room for a sandbox");
    }

    @Override
    public Optional<SandboxStatus> find(SandboxId sandbox) {
        return Optional.empty();
    }

    @Override
    public List<SandboxStatus> list() {
        return List.of();
    }

    @Override
    public void kill(SandboxId sandbox, EndReason reason) {
        throw unknown(sandbox);
    }

    @Override
    public SandboxStatus setDeadline(SandboxId sandbox, Instant deadline) {
        throw unknown(sandbox);
    }

    @Override
    public List<LogEntry> logs(SandboxId sandbox, LogQuery query) {
        throw unknown(sandbox);
    }

    @Override
    public List<MetricSample> metrics(SandboxId sandbox, Instant start, Instant end) {
        throw unknown(sandbox);
    }

    @Override
    public Socket open(SandboxId sandbox, int port) {
        throw unknown(sandbox);
    }

    @Override
    public Subscription subscribe(NodeListener listener) {
        return () -> {};
    }

    private static NodeException unknown(SandboxId sandbox) {
        return new NodeException(NodeException.Kind.NOT_FOUND, "no sandbox '" + sandbox + "' runs on this node");
    }
}
