package dev.holt.node;

import dev.holt.node.logs.LogStore;
import dev.holt.node.network.Slot;
import dev.holt.node.pool.Foreground;
import dev.holt.node.pool.Pool;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.node.snapshot.SnapshotStore;
import dev.holt.node.snapshot.Verified;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.NodeException;
import dev.holt.wire.id.SandboxId;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.stream.Stream;

/** What the flows of a node have in common. */
record NodeContext(
        NodeConfig config,
        NodeParts parts,
        Journal journal,
        LogStore logs,
        Capacity capacity,
        SnapshotStore snapshots,
        Verified verified,
        Pool<Slot> slots,
        NodeEvents listeners,
        Background background,
        SecureRandom random,
        String bootId) {

    Foreground foreground() {
        return parts.foreground();
    }

    Instant now() {
        return parts.clock().instant();
    }

    /** What sandboxes' slots get their addresses from, as the journal has it. */
    String addresses() {
        return config.network().addresses().toString();
    }

    /**
     * The runtimes of new sandboxes, strongest first: all that work here unless the configuration names one. Sandboxes of the others that are
     * there already go on.
     */
    Stream<SandboxRuntime> offered() {
        return parts.runtimes().stream()
                .filter(runtime ->
                        config.runtime().map(runtime.isolation()::equals).orElse(true));
    }

    /** The runtime of sandboxes that are there. */
    Optional<SandboxRuntime> runtime(Isolation isolation) {
        return parts.runtimes().stream()
                .filter(candidate -> candidate.isolation() == isolation)
                .findFirst();
    }

    /**
     * The runtime of a sandbox that exists.
     *
     * @throws NodeException UNAVAILABLE when it does not work any more
     */
    SandboxRuntime runtimeOf(Sandbox sandbox) {
        Isolation isolation = sandbox.kind().isolation();
        return runtime(isolation)
                .orElseThrow(() -> new NodeException(
                        NodeException.Kind.UNAVAILABLE,
                        "sandbox " + sandbox.id() + " needs runtime " + isolation.wireName()
                                + ", which does not work on this host at present (see holt doctor)"));
    }

    /** A step of a flow was taken: gives way to whoever wants to end the sandbox. */
    void taken(FlowStep step, Sandbox sandbox) {
        parts.steps().taken(step, sandbox.id());
        if (sandbox.turns().endWanted()) {
            throw killed(sandbox.id());
        }
    }

    static NodeException killed(SandboxId sandbox) {
        return new NodeException(NodeException.Kind.NOT_FOUND, "sandbox '" + sandbox + "' is being killed");
    }

    /** How long a transition that reads or writes the memory of that kind of sandbox may take. */
    Duration limit(Duration base, SandboxKind kind) {
        return base.plus(config.state()
                .perGigabyte()
                .multipliedBy(kind.resources().memoryMegabytes())
                .dividedBy(1024));
    }

    Duration pauseLimit(SandboxKind kind) {
        return limit(config.state().pauseLimit(), kind);
    }

    Duration resumeLimit(SandboxKind kind) {
        return limit(config.state().resumeLimit(), kind);
    }
}
