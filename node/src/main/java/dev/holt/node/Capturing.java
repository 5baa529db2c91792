package dev.holt.node;

import dev.holt.node.runtime.RuntimeFailure;
import dev.holt.node.snapshot.FileSum;
import dev.holt.node.snapshot.ImageSums;
import dev.holt.node.snapshot.MemoryImage;
import dev.holt.node.snapshot.PauseRecord;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.node.snapshot.SnapshotRecord;
import dev.holt.node.snapshot.SnapshotStore;
import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SnapshotBuild;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes a build from a sandbox, top to bottom: the guest stands still while its memory is written and its disk copied, and goes on
 * before anything is summed or synced. A paused one is copied as it is. The caller holds the sandbox's lock; whatever fails, the
 * sandbox is as before and nothing of the build is left.
 */
final class Capturing {
    private static final Logger log = LoggerFactory.getLogger(Capturing.class);
    private static final Duration PROCEED_LIMIT = Duration.ofSeconds(30);

    private final NodeContext context;
    private final Losing losing;

    Capturing(NodeContext context, Losing losing) {
        this.context = context;
        this.losing = losing;
    }

    SnapshotBuild capture(Sandbox sandbox, CaptureSandbox request) {
        Phase phase = sandbox.phase();
        if (phase != Phase.RUNNING && phase != Phase.PAUSED) {
            throw new NodeException(
                    NodeException.Kind.CONFLICT,
                    "no snapshot of sandbox " + sandbox.id() + " is possible: it is " + phase.words());
        }
        try (SnapshotStore.Unfinished build = context.snapshots().begin(request.template(), request.buildId())) {
            Taken taken = phase == Phase.RUNNING
                    ? running(sandbox, build, request.keepMemory())
                    : paused(sandbox, build, request.keepMemory());
            SnapshotBuild told = commit(sandbox, request, build, taken);
            sandbox.event(
                    request.passing() ? SandboxEvent.Type.FORKED : SandboxEvent.Type.SNAPSHOT_CREATED,
                    request.passing() ? "captured for forks" : "a snapshot was made of it",
                    Map.of(
                            "snapshot", request.buildId(),
                            "memory", told.memory().wireName(),
                            "milliseconds", Long.toString(told.stood().toMillis())));
            return told;
        } catch (NodeException e) {
            throw e;
        } catch (RuntimeException e) {
            boolean overdue = Thread.interrupted();
            String problem = (overdue ? "it took longer than it may: " : "") + e.getMessage();
            sandbox.event(
                    SandboxEvent.Type.SNAPSHOT_FAILED,
                    "no snapshot could be made of it",
                    Map.of("snapshot", request.buildId(), "problem", problem));
            sandbox.story(LogEntry.Level.WARN, "a snapshot failed", Map.of("problem", problem));
            throw new NodeException(
                    NodeException.Kind.UNAVAILABLE,
                    "no snapshot could be made of sandbox " + sandbox.id() + ", which is "
                            + sandbox.phase().words() + ": " + problem,
                    e);
        }
    }

    /**
     * What was copied.
     *
     * @param memory whether memory was written too
     * @param sums of the memory that was written
     * @param image what is known of it, when it is that of a pause
     * @param stood how long the guest stood still
     */
    private record Taken(boolean memory, ImageSums sums, Optional<MemoryImage> image, Duration stood) {}

    private Taken running(Sandbox sandbox, SnapshotStore.Unfinished build, boolean keepMemory) {
        boolean memory = keepMemory && context.runtimeOf(sandbox).capabilities().keepsMemoryOnDisk();
        Duration limit = context.pauseLimit(sandbox.kind());
        sandbox.become(sandbox.entry()
                .with()
                .phase(
                        Phase.CAPTURING,
                        new Transition(Phase.RUNNING, context.now().plus(limit), 0, Transition.Step.BEGUN))
                .entry());
        Body body = sandbox.guest().running();
        ImageSums sums = new ImageSums();
        long from = System.nanoTime();
        RuntimeException failure = null;
        try {
            context.taken(StateStep.CAPTURE_JOURNAL, sandbox);
            body.agent().sync();
            if (memory) {
                sandbox.guest().hold(); // a checkpoint breaks connections; merely standing still breaks none
            }
            context.taken(StateStep.CAPTURE_HELD, sandbox);
            from = System.nanoTime();
            if (memory) {
                body.instance().suspend(limit);
            } else {
                body.instance().freeze();
            }
            context.taken(StateStep.CAPTURE_STANDS, sandbox);
            if (memory) {
                body.instance().checkpoint(build.memory(), sums, limit);
                sandbox.guest().breakConnections();
            }
            context.taken(StateStep.CAPTURE_MEMORY, sandbox);
            sandbox.root().sync();
            build.copyDisk(sandbox.root().image());
            context.taken(StateStep.CAPTURE_DISK, sandbox);
        } catch (RuntimeException e) {
            failure = e;
        }
        boolean interrupted = Thread.interrupted();
        try {
            goOn(sandbox, body, memory);
        } catch (RuntimeException e) {
            if (failure != null) {
                e.addSuppressed(failure);
            }
            losing.lose(sandbox, "it did not go on after it was captured: " + e.getMessage());
            throw e;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
        if (failure != null) {
            throw failure;
        }
        Duration stood = Duration.ofNanos(System.nanoTime() - from);
        context.taken(StateStep.CAPTURE_GOES_ON, sandbox);
        return new Taken(memory, sums, Optional.empty(), stood);
    }

    private void goOn(Sandbox sandbox, Body body, boolean memory) {
        if (!body.instance().alive()) {
            throw new RuntimeFailure("what ran of sandbox " + sandbox.id() + " has ended");
        }
        if (memory) {
            body.instance().proceed(PROCEED_LIMIT);
        } else {
            body.instance().thaw();
        }
        sandbox.settle(sandbox.entry().with().phase(Phase.RUNNING).entry());
        sandbox.guest().reconnect();
    }

    /** Of one that is paused nothing moves: its memory image is shared, its disk copied. */
    private Taken paused(Sandbox sandbox, SnapshotStore.Unfinished build, boolean keepMemory) {
        Optional<MemoryImage> image = Optional.empty();
        MemoryKept memory = sandbox.entry().pause().orElseThrow().memory();
        boolean withMemory = keepMemory && memory == MemoryKept.DISK;
        if (withMemory) {
            PauseRecord record = sandbox.pauses()
                    .find(sandbox.entry().generation())
                    .orElseThrow(() ->
                            new SnapshotFailure("the record of the pause of sandbox " + sandbox.id() + " is missing"));
            sandbox.pauses().verifyMemory(record, context.verified());
            build.linkMemory(sandbox.pauses().memory(record.generation()));
            image = record.image();
        }
        if (memory == MemoryKept.HOST) {
            sandbox.root().sync();
        }
        build.copyDisk(sandbox.root().image());
        context.taken(StateStep.CAPTURE_DISK, sandbox);
        return new Taken(withMemory, new ImageSums(), image, Duration.ZERO);
    }

    private SnapshotBuild commit(Sandbox sandbox, CaptureSandbox request, SnapshotStore.Unfinished build, Taken taken) {
        FileSum disk = build.sumDisk();
        List<FileSum> files = taken.memory() ? build.sumMemory(taken.sums()) : List.of();
        Optional<MemoryImage> image = !taken.memory()
                ? Optional.empty()
                : Optional.of(taken.image()
                        .map(known -> new MemoryImage(
                                known.isolation(),
                                known.resources(),
                                known.token(),
                                known.agent(),
                                known.bindFiles(),
                                files))
                        .orElseGet(() -> Pausing.image(context, sandbox, files)));
        if (!request.passing()) {
            build.sync();
        }
        context.taken(StateStep.CAPTURE_SUMMED, sandbox);
        JournalEntry entry = sandbox.entry();
        SnapshotBuild told = new SnapshotBuild(
                request.template(),
                request.buildId(),
                sandbox.id(),
                entry.owner().teamId(),
                entry.kind().isolation(),
                taken.memory() ? MemoryKept.DISK : MemoryKept.NONE,
                entry.kind().resources(),
                build.bytes(),
                context.now(),
                taken.stood());
        build.commit(new SnapshotRecord(
                SnapshotRecord.VERSION,
                told,
                entry.base().template(),
                entry.base().buildId(),
                request.passing(),
                entry.owner().environment(),
                disk,
                image));
        context.parts().steps().taken(StateStep.CAPTURE_COMMITTED, sandbox.id());
        if (!request.passing()) {
            context.background().execute(() -> share(request));
        }
        return told;
    }

    /** Off every guest's and caller's time. */
    private void share(CaptureSandbox request) {
        try {
            context.snapshots().share(request.template(), request.buildId());
        } catch (SnapshotFailure e) {
            log.warn("build {} keeps its files for itself", request.buildId(), e);
        }
    }
}
