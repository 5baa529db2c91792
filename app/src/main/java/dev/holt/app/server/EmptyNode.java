package dev.holt.app.server;

import dev.holt.nodeapi.CaptureSandbox;
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
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.net.Socket;
import java.time.Duration;
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
    public SandboxStatus setDeadline(SandboxId sandbox, Instant deadline, Duration timeout) {
        throw unknown(sandbox);
    }

    @Override
    public SandboxStatus pause(SandboxId sandbox, boolean keepMemory) {
        throw unknown(sandbox);
    }

    @Override
    public Resumed resume(SandboxId sandbox, ResumeSandbox request) {
        throw unknown(sandbox);
    }

    @Override
    public Resumed wake(SandboxId sandbox, int port) {
        throw unknown(sandbox);
    }

    @Override
    public SnapshotBuild capture(SandboxId sandbox, CaptureSandbox request) {
        throw unknown(sandbox);
    }

    @Override
    public Resumed rollback(SandboxId sandbox, TemplateId template, String buildId) {
        throw unknown(sandbox);
    }

    @Override
    public Resumed recover(SandboxId sandbox) {
        throw unknown(sandbox);
    }

    @Override
    public List<SnapshotBuild> snapshots() {
        return List.of();
    }

    @Override
    public void deleteSnapshot(TemplateId template, String buildId) {
        throw new NodeException(NodeException.Kind.NOT_FOUND, "no build " + buildId + " of '" + template + "' is here");
    }

    @Override
    public List<SandboxEvent> events(SandboxId sandbox) {
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
