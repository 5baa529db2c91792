package dev.holt.node;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.image.ImageFailure;
import dev.holt.node.linux.FileCopy;
import dev.holt.node.network.Slot;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.node.snapshot.MemoryImage;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.node.snapshot.SnapshotRecord;
import dev.holt.node.snapshot.SnapshotStore;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.Pause;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Returns a sandbox to one of its snapshots, top to bottom. Whatever can fail early does so while the sandbox still is what it was; its
 * disk is kept aside until the guest of then runs. The caller holds the sandbox's lock.
 */
final class RollingBack {
    private static final Logger log = LoggerFactory.getLogger(RollingBack.class);
    /** What is under way is about to be undone. */
    private static final Duration AT_ONCE = Duration.ofMillis(1);

    /** Beside the disk, until it takes its place. */
    static final String COPY = "rollback.ext4";

    private final NodeContext context;
    private final Launch launch;
    private final Losing losing;

    RollingBack(NodeContext context, Launch launch, Losing losing) {
        this.context = context;
        this.launch = launch;
        this.losing = losing;
    }

    Resumed rollback(Sandbox sandbox, TemplateId template, String buildId) {
        Phase from = sandbox.phase();
        if (from != Phase.RUNNING && from != Phase.PAUSED) {
            throw new NodeException(
                    NodeException.Kind.CONFLICT,
                    "sandbox " + sandbox.id() + " can't be rolled back: it is " + from.words());
        }
        try (SnapshotStore.Use snapshot = context.snapshots()
                .use(template, buildId)
                .orElseThrow(() -> new NodeException(
                        NodeException.Kind.NOT_FOUND,
                        "this node has no snapshot '" + buildId + "' of template '" + template + "'"))) {
            if (!snapshot.record().build().source().equals(sandbox.id())) {
                throw new NodeException(
                        NodeException.Kind.INVALID,
                        "snapshot '" + buildId + "' was made from sandbox "
                                + snapshot.record().build().source() + ", not from " + sandbox.id());
            }
            return to(sandbox, snapshot);
        }
    }

    private Resumed to(Sandbox sandbox, SnapshotStore.Use snapshot) {
        long start = System.nanoTime();
        JournalEntry before = sandbox.entry();
        SandboxRuntime runtime = context.runtimeOf(sandbox);
        boolean memory = snapshot.record()
                .image()
                .filter(image -> image.isolation() == runtime.isolation())
                .isPresent();
        boolean stopped = false;
        Optional<Capacity.Promise> reserved = Optional.empty();
        Path copy = sandbox.root().image().resolveSibling(COPY);
        try {
            snapshot.verify(memory);
            context.taken(StateStep.ROLLBACK_VERIFIED, sandbox);
            sandbox.room().ifPresent(Capacity.Promise::wake);
            if (sandbox.room().isEmpty()) {
                reserved = Optional.of(context.capacity().reserve(sandbox.kind().resources()));
            }
            begin(sandbox);
            context.taken(StateStep.ROLLBACK_JOURNAL, sandbox);
            Files.deleteIfExists(copy);
            FileCopy.copy(snapshot.disk(), copy);
            context.taken(StateStep.ROLLBACK_COPIED, sandbox);

            sandbox.guest().stopTraffic();
            sandbox.guest()
                    .body()
                    .ifPresent(body -> body.agent().cutOff("sandbox " + sandbox.id() + " is rolled back", AT_ONCE));
            sandbox.note(sandbox.entry().with().step(Transition.Step.OPENED).entry());
            stopped = true;
            sandbox.guest().end();
            sandbox.root().unmount();
            context.taken(StateStep.ROLLBACK_STOPPED, sandbox);
            sandbox.root().swap(copy);
            context.taken(StateStep.ROLLBACK_SWAPPED, sandbox);
            sandbox.root().mount();
            Body body = up(sandbox, runtime, snapshot, memory);
            return runs(sandbox, body, reserved, snapshot.record(), memory, start);
        } catch (IOException | RuntimeException e) {
            throw undone(sandbox, before, stopped, reserved, copy, snapshot.record(), e);
        }
    }

    private void begin(Sandbox sandbox) {
        Duration limit = context.pauseLimit(sandbox.kind()).plus(context.resumeLimit(sandbox.kind()));
        sandbox.become(sandbox.entry()
                .with()
                .phase(
                        Phase.ROLLING_BACK,
                        new Transition(
                                sandbox.phase(),
                                context.now().plus(limit),
                                sandbox.entry().generation(),
                                Transition.Step.BEGUN))
                .entry());
    }

    private Body up(Sandbox sandbox, SandboxRuntime runtime, SnapshotStore.Use snapshot, boolean memory) {
        Launch.Order order = new Launch.Order(
                sandbox.id(),
                sandbox.frame().directory(),
                sandbox.root(),
                runtime,
                sandbox.kind().resources(),
                Optional.of(sandbox.entry().network()),
                false);
        Optional<MemoryImage> image = snapshot.record().image().filter(any -> memory);
        Optional<AgentToken> known = image.map(MemoryImage::token);
        Launch.Progress progress = new Launch.Progress() {
            @Override
            public void slot(Slot slot, AgentToken token) {
                sandbox.note(sandbox.entry()
                        .with()
                        .starting(context.bootId(), slot.number(), context.addresses(), token, known)
                        .entry());
                context.taken(StateStep.RESUME_SLOT, sandbox);
            }

            @Override
            public void instance() {
                context.taken(StateStep.RESUME_INSTANCE, sandbox);
            }

            @Override
            public void agent() {
                context.taken(StateStep.RESUME_AGENT, sandbox);
            }
        };
        return image.isEmpty()
                ? launch.boot(order, progress)
                : launch.restore(order, image.get(), snapshot.memory(), context.resumeLimit(sandbox.kind()), progress);
    }

    private Resumed runs(
            Sandbox sandbox,
            Body body,
            Optional<Capacity.Promise> reserved,
            SnapshotRecord snapshot,
            boolean memory,
            long start) {
        Capacity.Promise room = reserved.or(sandbox::room).orElseThrow();
        sandbox.take(body, room);
        Duration timeout = sandbox.entry().owner().lifecycle().timeout();
        boolean wasPaused = sandbox.entry().way().from() == Phase.PAUSED;
        JournalEntry.Changes changes =
                sandbox.entry().with().phase(Phase.RUNNING).unpaused();
        sandbox.become((wasPaused ? changes.until(context.now().plus(timeout), timeout) : changes).entry());
        try {
            sandbox.root().dropAside();
            sandbox.pauses().keepOnly(Set.of()); // they are of a time that is undone
        } catch (SnapshotFailure | ImageFailure e) {
            log.warn("what sandbox {} was before can't be removed, the next pause or end tries again", sandbox.id(), e);
        }
        Resumed.Way way = memory ? Resumed.Way.RESTORED : Resumed.Way.BOOTED;
        Map<String, String> fields = Map.of(
                "snapshot", snapshot.build().buildId(),
                "way", way.wireName(),
                "milliseconds",
                        Long.toString(
                                Duration.ofNanos(System.nanoTime() - start).toMillis()));
        sandbox.event(SandboxEvent.Type.ROLLED_BACK, "it is again what it was at a snapshot", fields);
        sandbox.story(LogEntry.Level.INFO, "sandbox rolled back", fields);
        SandboxStatus status = sandbox.status().orElseThrow(() -> NodeContext.killed(sandbox.id()));
        return new Resumed(status, way, Optional.empty());
    }

    /** Puts everything back; what was stopped and can't be had back is LOST, with the disk that it had. */
    private RuntimeException undone(
            Sandbox sandbox,
            JournalEntry before,
            boolean stopped,
            Optional<Capacity.Promise> reserved,
            Path copy,
            SnapshotRecord snapshot,
            Exception failure) {
        boolean overdue = Thread.interrupted();
        String problem = (overdue ? "it took longer than it may: " : "") + failure.getMessage();
        reserved.ifPresent(Capacity.Promise::close);
        boolean goesOn = before.state() == Phase.PAUSED || !stopped;
        try {
            if (stopped) {
                sandbox.guest().end();
                sandbox.root().unmount();
                sandbox.root().restoreAside();
            }
            Files.deleteIfExists(copy);
        } catch (IOException | RuntimeException e) {
            log.error("sandbox {} could not be put back to what it was", sandbox.id(), e);
            failure.addSuppressed(e);
        }
        if (goesOn && sandbox.phase() == Phase.ROLLING_BACK) {
            putBack(sandbox, before);
        } else if (!goesOn) {
            losing.lose(sandbox, "a rollback to '" + snapshot.build().buildId() + "' failed: " + problem);
        }
        sandbox.event(
                SandboxEvent.Type.ROLLBACK_FAILED,
                "it could not be rolled back and is " + sandbox.phase().words(),
                Map.of("snapshot", snapshot.build().buildId(), "problem", problem));
        if (failure instanceof NodeException told && told.kind() != NodeException.Kind.UNAVAILABLE) {
            return told;
        }
        return new NodeException(
                NodeException.Kind.UNAVAILABLE,
                "sandbox " + sandbox.id() + " could not be rolled back and is "
                        + sandbox.phase().words() + ": " + problem
                        + (sandbox.phase() == Phase.LOST ? "; recover boots it from its file system" : ""),
                failure);
    }

    private void putBack(Sandbox sandbox, JournalEntry before) {
        if (before.state() == Phase.RUNNING) {
            sandbox.settle(sandbox.entry().with().phase(Phase.RUNNING).entry());
            sandbox.guest().reconnect();
            return;
        }
        Pause pause = before.pause().orElseThrow();
        if (sandbox.guest().body().isPresent()) {
            sandbox.room().ifPresent(Capacity.Promise::rest);
        } else {
            sandbox.giveRoomBack();
            if (pause.memory() == MemoryKept.HOST) {
                pause = new Pause(pause.since(), MemoryKept.NONE);
            }
        }
        sandbox.settle(Pausing.paused(sandbox.entry(), pause, before.generation()));
    }
}
