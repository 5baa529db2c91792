package dev.holt.node;

import dev.holt.node.runtime.BoundFiles;
import dev.holt.node.runtime.InstanceSpec;
import dev.holt.node.runtime.RuntimeCapabilities;
import dev.holt.node.runtime.RuntimeFailure;
import dev.holt.node.snapshot.FileSum;
import dev.holt.node.snapshot.ImageSums;
import dev.holt.node.snapshot.MemoryImage;
import dev.holt.node.snapshot.PauseRecord;
import dev.holt.node.snapshot.ReadAhead;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.Pause;
import dev.holt.nodeapi.SandboxEvent;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Pauses a sandbox, top to bottom. Everything up to the commit record can fail, and then the sandbox runs on; from then on it is paused
 * and what runs is freed, by this call, the next one that wants the sandbox, the reaper or the next daemon. The caller holds the
 * sandbox's lock.
 */
final class Pausing {
    private static final Logger log = LoggerFactory.getLogger(Pausing.class);
    /** Letting a guest go on must not fail because the pause took all its time. */
    private static final Duration PROCEED_LIMIT = Duration.ofSeconds(30);

    private static final Duration COPY_AFTER = Duration.ofSeconds(2);

    private final NodeContext context;
    private final Losing losing;

    Pausing(NodeContext context, Losing losing) {
        this.context = context;
        this.losing = losing;
    }

    /**
     * Pauses a running sandbox.
     *
     * @param cause for its events
     * @param kept called once the pause is durable: its owner need not wait until what ran is freed
     * @throws NodeException CONFLICT when it does not run, UNAVAILABLE when it could not be paused and runs on, or is LOST
     */
    void pause(Sandbox sandbox, boolean keepMemory, Cause cause, Runnable kept) {
        if (sandbox.phase() != Phase.RUNNING) {
            throw new NodeException(
                    NodeException.Kind.CONFLICT,
                    "sandbox " + sandbox.id() + " can't be paused: it is "
                            + sandbox.phase().words());
        }
        long from = System.nanoTime();
        MemoryKept memory = kept(context.runtimeOf(sandbox).capabilities(), keepMemory);
        int generation = Math.max(sandbox.pauses().next(), sandbox.entry().generation() + 1);
        Duration limit = context.pauseLimit(sandbox.kind());
        sandbox.become(sandbox.entry()
                .with()
                .phase(
                        Phase.PAUSING,
                        new Transition(Phase.RUNNING, context.now().plus(limit), generation, Transition.Step.BEGUN))
                .entry());
        sandbox.event(
                SandboxEvent.Type.PAUSING,
                "the pause began" + (cause.equals(Cause.TIMEOUT) ? " because its time was over" : ""),
                cause.fields(Map.of("memory", memory.wireName())));
        Stop stop = new Stop();
        PauseRecord record;
        try {
            context.taken(StateStep.PAUSE_JOURNAL, sandbox);
            record = write(sandbox, generation, memory, limit, stop);
        } catch (RuntimeException e) {
            throw undone(sandbox, generation, e);
        }
        noteKept(sandbox, record);
        told(sandbox, record, cause, Duration.ofNanos(System.nanoTime() - from), stop.took);
        if (memory == MemoryKept.DISK) {
            Path image = sandbox.pauses().memory(generation);
            context.background().execute(() -> ReadAhead.directory(image));
        }
        boolean atOnce = memory == MemoryKept.HOST; // nothing is ended, so nobody need be told before
        if (!atOnce) {
            kept.run();
        }
        try {
            free(sandbox, record);
        } catch (RuntimeException e) {
            log.warn("sandbox {} is paused, what ran of it can't be freed yet, will try again", sandbox.id(), e);
        }
        if (atOnce) {
            kept.run();
        }
    }

    private static MemoryKept kept(RuntimeCapabilities capabilities, boolean keepMemory) {
        if (!keepMemory) {
            return MemoryKept.NONE;
        }
        if (capabilities.keepsMemoryOnDisk()) {
            return MemoryKept.DISK;
        }
        return capabilities.freezes() ? MemoryKept.HOST : MemoryKept.NONE;
    }

    /** How long the guest took to stand still. */
    private static final class Stop {
        private Duration took = Duration.ZERO;
    }

    /** Everything that can fail: when it returns the pause is durable. */
    private PauseRecord write(Sandbox sandbox, int generation, MemoryKept kept, Duration limit, Stop stop) {
        Body body = sandbox.guest().running();
        sandbox.guest().cutOff("sandbox " + sandbox.id() + " is paused");
        context.taken(StateStep.PAUSE_CUT, sandbox);

        long running = System.nanoTime();
        if (kept == MemoryKept.DISK) {
            body.instance().suspend(limit);
        } else {
            body.instance().freeze();
        }
        stop.took = Duration.ofNanos(System.nanoTime() - running);
        context.taken(StateStep.PAUSE_STANDS, sandbox);

        Path memory = sandbox.pauses().begin(generation);
        ImageSums sums = new ImageSums();
        if (kept == MemoryKept.DISK) {
            body.instance().checkpoint(memory, sums, limit);
        }
        context.taken(StateStep.PAUSE_MEMORY, sandbox);

        sandbox.root().sync();
        context.taken(StateStep.PAUSE_DISK_SYNCED, sandbox);

        Optional<MemoryImage> image = kept == MemoryKept.DISK
                ? Optional.of(image(context, sandbox, sandbox.pauses().sumMemory(generation, sums, context.verified())))
                : Optional.empty();
        context.taken(StateStep.PAUSE_SUMMED, sandbox);

        PauseRecord record = new PauseRecord(
                PauseRecord.VERSION,
                sandbox.id(),
                generation,
                context.now(),
                kept,
                image,
                Optional.empty(),
                Optional.empty());
        sandbox.pauses().commit(record);
        return record;
    }

    /** What is known of the memory of what runs now. */
    static MemoryImage image(NodeContext context, Sandbox sandbox, List<FileSum> files) {
        Path agent = context.parts().agent();
        List<MemoryImage.Bound> bound = new ArrayList<>();
        for (InstanceSpec.BindFile file : BoundFiles.of(sandbox.frame().directory())) {
            if (file.guestPath().equals(InstanceSpec.GUEST_AGENT)) {
                agent = file.hostFile();
            } else {
                bound.add(new MemoryImage.Bound(file.hostFile().toString(), file.guestPath()));
            }
        }
        return new MemoryImage(
                sandbox.kind().isolation(),
                sandbox.kind().resources(),
                sandbox.entry().token(),
                agent.toString(),
                bound,
                files);
    }

    /** Lets the sandbox run on after a failure before the commit; it is LOST when it can't. */
    private NodeException undone(Sandbox sandbox, int generation, RuntimeException cause) {
        boolean overdue = Thread.interrupted();
        String problem =
                overdue ? "it took longer than it may: " + cause.getMessage() : String.valueOf(cause.getMessage());
        try {
            Body body = sandbox.guest().running();
            if (!body.instance().alive()) {
                throw new RuntimeFailure("what ran has ended");
            }
            body.instance().thaw();
            body.instance().proceed(PROCEED_LIMIT);
            sandbox.guest().reconnect();
            sandbox.settle(sandbox.entry().with().phase(Phase.RUNNING).entry());
            sandbox.pauses().remove(generation);
        } catch (SnapshotFailure e) {
            log.warn("a half pause of sandbox {} can't be removed, the next one does it", sandbox.id(), e);
        } catch (RuntimeException e) {
            log.error("sandbox {} could not be paused and does not run on either", sandbox.id(), e);
            losing.lose(sandbox, "a pause failed (" + problem + ") and it did not run on (" + e.getMessage() + ")");
            return new NodeException(
                    NodeException.Kind.UNAVAILABLE,
                    "sandbox " + sandbox.id() + " could not be paused and is lost: " + problem
                            + "; recover brings back what is left of it",
                    cause);
        }
        sandbox.event(SandboxEvent.Type.PAUSE_FAILED, "it could not be paused and runs on", Map.of("problem", problem));
        sandbox.story(LogEntry.Level.WARN, "a pause failed, the sandbox runs on", Map.of("problem", problem));
        if (cause instanceof NodeException told && told.kind() == NodeException.Kind.NOT_FOUND) {
            return told;
        }
        return new NodeException(
                NodeException.Kind.UNAVAILABLE,
                "sandbox " + sandbox.id() + " could not be paused and runs on: " + problem,
                cause);
    }

    private void told(Sandbox sandbox, PauseRecord record, Cause cause, Duration took, Duration stop) {
        String memory = record.memory().wireName();
        sandbox.event(
                SandboxEvent.Type.PAUSED,
                "paused by " + cause.words() + ", memory kept: " + memory,
                cause.fields(Map.of(
                        "memory",
                        memory,
                        "milliseconds",
                        Long.toString(took.toMillis()),
                        "stop-microseconds",
                        Long.toString(stop.toNanos() / 1000))));
        sandbox.story(LogEntry.Level.INFO, "sandbox paused", cause.fields(Map.of("memory", memory)));
        sandbox.pauseSucceeded();
    }

    /** Finishes a pause that was committed by an earlier try. */
    void finishCommitted(Sandbox sandbox) {
        PauseRecord record = sandbox.pauses()
                .find(sandbox.entry().way().generation())
                .orElseThrow(() -> new SnapshotFailure("the record of a committed pause is gone"));
        free(sandbox, record);
    }

    private static void noteKept(Sandbox sandbox, PauseRecord record) {
        sandbox.settle(sandbox.entry()
                .with()
                .step(Transition.Step.COMMITTED)
                .paused(new Pause(record.since(), record.memory()), record.generation())
                .entry());
    }

    /**
     * Frees what runs of a sandbox whose pause is durable, and makes it PAUSED. May be called again after a failure, by another daemon
     * too.
     */
    void free(Sandbox sandbox, PauseRecord committed) {
        PauseRecord record = committed;
        if (!sandbox.entry().isKept()) {
            noteKept(sandbox, record);
        }
        context.parts().steps().taken(StateStep.PAUSE_COMMITTED, sandbox.id());
        Pause pause = new Pause(record.since(), record.memory());
        if (record.memory() == MemoryKept.HOST) {
            sandbox.room().ifPresent(Capacity.Promise::rest);
        } else {
            context.parts().steps().taken(StateStep.PAUSE_COMMIT_JOURNAL, sandbox.id());
            sandbox.guest().end();
            sandbox.giveRoomBack();
            context.parts().steps().taken(StateStep.PAUSE_INSTANCE_GONE, sandbox.id());
            sandbox.root().unmount();
            sandbox.root().sync();
            context.parts().steps().taken(StateStep.PAUSE_AT_REST, sandbox.id());
            record = record.withDisk(context.verified().sum(sandbox.root().image(), "disk"));
            sandbox.pauses().commit(record);
            context.parts().steps().taken(StateStep.PAUSE_DISK_SUMMED, sandbox.id());
        }
        sandbox.becomeDurably(paused(sandbox.entry(), pause, record.generation()));
        tidy(sandbox, record);
    }

    static JournalEntry paused(JournalEntry entry, Pause pause, int generation) {
        JournalEntry.Changes changes = entry.with().phase(Phase.PAUSED).paused(pause, generation);
        return (pause.memory() == MemoryKept.HOST ? changes : changes.noInstance()).entry();
    }

    /** Keeps of earlier pauses the last one that could still be gone back to; makes this one such for the next. */
    private void tidy(Sandbox sandbox, PauseRecord record) {
        try {
            Set<Integer> kept = sandbox.pauses()
                    .newestBefore(record.generation())
                    .filter(earlier -> earlier.copy().isPresent())
                    .map(earlier -> Set.of(record.generation(), earlier.generation()))
                    .orElse(Set.of(record.generation()));
            sandbox.pauses().keepOnly(kept);
        } catch (SnapshotFailure e) {
            log.warn("earlier pauses of sandbox {} can't be removed, the next pause tries again", sandbox.id(), e);
        }
        if (record.memory() != MemoryKept.HOST) {
            sandbox.copyAt(context.now().plus(COPY_AFTER));
        }
    }

    /**
     * Keeps a copy of a paused sandbox's disk where that is cheap: so that this pause can still be gone back to when the sandbox has run
     * on and the next one is damaged. Ahead of need, some time after the pause: a resume that comes before goes without.
     */
    void keepCopy(Sandbox sandbox) {
        sandbox.turns().whenFree(() -> {
            if (sandbox.phase() == Phase.PAUSED) {
                sandbox.pauses()
                        .find(sandbox.entry().generation())
                        .filter(record -> record.copy().isEmpty())
                        .ifPresent(record -> sandbox.pauses()
                                .keepCopy(
                                        record,
                                        sandbox.root().image(),
                                        context.config().state().copyMegabytes() << 20));
            }
        });
    }
}
