package dev.holt.node;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.image.ImageFailure;
import dev.holt.node.runtime.RuntimeFailure;
import dev.holt.node.snapshot.PauseRecord;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.Pause;
import dev.holt.nodeapi.SandboxEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends what an earlier daemon had begun with one sandbox: after this it is RUNNING, PAUSED or LOST, and that is true. Nothing else knows
 * the sandbox yet.
 */
final class Settling {
    private static final Logger log = LoggerFactory.getLogger(Settling.class);
    private static final Duration PROCEED_LIMIT = Duration.ofSeconds(30);

    private final NodeContext context;
    private final Losing losing;

    Settling(NodeContext context, Losing losing) {
        this.context = context;
        this.losing = losing;
    }

    /** Never fails: one sandbox that can't be put in order must not keep the others from being served. */
    void settle(Sandbox sandbox, Findings found) {
        try {
            end(sandbox, found);
        } catch (RuntimeException e) {
            log.error("sandbox {} could not be put in order", sandbox.id(), e);
            if (sandbox.phase() == Phase.PAUSING && found.committed().isPresent()) {
                // The reaper goes on trying.
                sandbox.settle(sandbox.entry()
                        .with()
                        .phase(
                                Phase.PAUSING,
                                new Transition(
                                        Phase.RUNNING,
                                        context.now(),
                                        found.committed().get().generation(),
                                        Transition.Step.COMMITTED))
                        .entry());
            } else if (sandbox.phase().inTransition()) {
                losing.lose(sandbox, "it could not be put in order after a restart: " + e.getMessage());
            }
        }
    }

    private void end(Sandbox sandbox, Findings found) {
        sweep(sandbox);
        switch (found.fate()) {
            case RUNS -> runs(sandbox, found);
            case STANDS -> stands(sandbox, found);
            case RESTS -> rests(sandbox, found);
            case LOST -> lost(sandbox, found);
            case ENDS -> throw new IllegalArgumentException("nothing is left of " + sandbox);
        }
    }

    private static void sweep(Sandbox sandbox) {
        try {
            sandbox.pauses().sweep();
            Files.deleteIfExists(sandbox.root().image().resolveSibling(RollingBack.COPY));
        } catch (SnapshotFailure | IOException e) {
            log.warn("something half made of sandbox {} can't be removed", sandbox.id(), e);
        }
    }

    // ---- what runs --------------------------------------------------------------------------------------------------

    private void runs(Sandbox sandbox, Findings found) {
        JournalEntry entry = found.entry();
        if (entry.state() == Phase.WARM) {
            return;
        }
        if (entry.state() == Phase.RUNNING) {
            sandbox.event(SandboxEvent.Type.ADOPTED, "taken over by a restarted Holt", Map.of("cause", "restart"));
            return;
        }
        boolean fresh = entry.state() == Phase.RESUMING || entry.state() == Phase.ROLLING_BACK;
        try {
            Body body = sandbox.guest().running();
            body.instance().thaw();
            body.instance().proceed(PROCEED_LIMIT);
            if (fresh) {
                awaitAgent(sandbox, body);
            }
        } catch (RuntimeFailure | GuestFailure e) {
            log.warn("what runs of sandbox {} can't be made to go on", sandbox.id(), e);
            sandbox.guest().end();
            sandbox.giveRoomBack();
            if (fresh) {
                back(sandbox, found, true);
            } else {
                losing.lose(
                        sandbox,
                        "Holt stopped while it was " + entry.state().words() + ", and it did not go on: "
                                + e.getMessage());
            }
            return;
        }
        if (entry.state() == Phase.PAUSING) {
            sandbox.event(
                    SandboxEvent.Type.PAUSE_FAILED,
                    "Holt stopped before the pause was complete; it runs on",
                    Map.of("cause", "restart"));
        } else if (entry.state() == Phase.CAPTURING) {
            sandbox.event(
                    SandboxEvent.Type.SNAPSHOT_FAILED,
                    "Holt stopped before the snapshot was complete",
                    Map.of("cause", "restart"));
        } else {
            finishBack(sandbox, entry);
        }
        sandbox.become(sandbox.entry().with().phase(Phase.RUNNING).unpaused().entry());
        sandbox.event(SandboxEvent.Type.ADOPTED, "taken over by a restarted Holt", Map.of("cause", "restart"));
    }

    /** A guest that was being brought back when the daemon stopped: its engine went on and it runs. */
    private void finishBack(Sandbox sandbox, JournalEntry entry) {
        if (entry.state() == Phase.ROLLING_BACK) {
            if (entry.way().step() == Transition.Step.STARTED) {
                sandbox.root().dropAside();
                sandbox.event(
                        SandboxEvent.Type.ROLLED_BACK,
                        "it is again what it was at a snapshot",
                        Map.of("cause", "restart"));
            } else {
                sandbox.event(
                        SandboxEvent.Type.ROLLBACK_FAILED,
                        "Holt stopped before anything of it was changed",
                        Map.of("cause", "restart"));
            }
            return;
        }
        Duration timeout = entry.owner().lifecycle().timeout();
        Instant deadline = context.now().plus(timeout);
        if (entry.owner().deadline().isBefore(deadline)) {
            sandbox.note(sandbox.entry().with().until(deadline, timeout).entry());
        }
        sandbox.event(
                entry.way().from() == Phase.LOST ? SandboxEvent.Type.RECOVERED : SandboxEvent.Type.RESUMED,
                "resumed, while Holt was being restarted",
                Map.of("cause", "restart"));
    }

    /** The guest may not have been told its new token yet. */
    private void awaitAgent(Sandbox sandbox, Body body) {
        Duration patience = context.config().limits().startTimeout();
        try {
            body.agent().awaitReady(patience);
        } catch (GuestFailure e) {
            Optional<AgentToken> known = sandbox.entry().way().known();
            if (known.isEmpty()) {
                throw e;
            }
            try (GuestAgent old = new GuestAgent(body.agent().address(), known.get())) {
                old.awaitReady(patience);
                byte[] entropy = new byte[64];
                context.random().nextBytes(entropy);
                old.identify("", Instant.EPOCH, entropy, sandbox.entry().token());
            }
            body.agent().awaitReady(patience);
        }
    }

    // ---- what stands still in memory --------------------------------------------------------------------------------

    private void stands(Sandbox sandbox, Findings found) {
        sandbox.guest().stopTraffic();
        sandbox.room().ifPresent(Capacity.Promise::rest);
        JournalEntry entry = found.entry();
        if (entry.state() == Phase.PAUSED) {
            return;
        }
        Pause pause = found.committed()
                .map(record -> new Pause(record.since(), record.memory()))
                .or(entry::pause)
                .orElseThrow();
        int generation = found.committed().map(PauseRecord::generation).orElse(entry.generation());
        sandbox.becomeDurably(Pausing.paused(sandbox.entry(), pause, generation));
    }

    // ---- what is on disk --------------------------------------------------------------------------------------------

    private void rests(Sandbox sandbox, Findings found) {
        sandbox.root().unmount();
        if (found.committed().isPresent()) {
            finishPause(sandbox, found, found.committed().get());
        } else if (found.entry().state() == Phase.PAUSED) {
            if (found.hadMemoryInHost()) {
                forgetMemory(sandbox, found);
            }
        } else {
            back(sandbox, found, false);
        }
        if (sandbox.phase() == Phase.PAUSED && found.sameBoot()) {
            sandbox.copyAt(context.now());
        }
    }

    private void finishPause(Sandbox sandbox, Findings found, PauseRecord committed) {
        PauseRecord record = committed;
        boolean wasInHost = record.memory() == MemoryKept.HOST;
        if (found.sameBoot() && record.disk().isEmpty()) {
            sandbox.root().sync();
            record = record.withDisk(context.verified().sum(sandbox.root().image(), "disk"));
            sandbox.pauses().commit(record);
        }
        Pause pause = new Pause(record.since(), wasInHost ? MemoryKept.NONE : record.memory());
        JournalEntry.Changes changes = Pausing.paused(passThroughPausing(sandbox), pause, record.generation())
                .with();
        sandbox.becomeDurably((wasInHost ? changes.problem(gone(found)) : changes).entry());
        sandbox.event(
                SandboxEvent.Type.PAUSED,
                "paused; Holt or its host stopped before that was told",
                Map.of("cause", "restart", "memory", pause.memory().wireName()));
        if (wasInHost) {
            tellForgotten(sandbox, gone(found));
        }
    }

    /** The journal may still say RUNNING: the host stopped before it was written that it paused. */
    private JournalEntry passThroughPausing(Sandbox sandbox) {
        if (sandbox.phase() == Phase.RUNNING) {
            sandbox.note(sandbox.entry());
            sandbox.become(sandbox.entry()
                    .with()
                    .phase(Phase.PAUSING, new Transition(Phase.RUNNING, context.now(), 0, Transition.Step.COMMITTED))
                    .entry());
        }
        return sandbox.entry();
    }

    private static String gone(Findings found) {
        return found.sameBoot()
                ? "what stood still of it in the host's memory has ended"
                : "it stood still in the host's memory, and the host restarted";
    }

    private static void forgetMemory(Sandbox sandbox, Findings found) {
        Pause pause = found.entry().pause().orElseThrow();
        sandbox.becomeDurably(Pausing.paused(
                        sandbox.entry(),
                        new Pause(pause.since(), MemoryKept.NONE),
                        sandbox.entry().generation())
                .with()
                .problem(gone(found))
                .entry());
        tellForgotten(sandbox, gone(found));
    }

    private static void tellForgotten(Sandbox sandbox, String problem) {
        sandbox.event(
                SandboxEvent.Type.FELL_BACK,
                "its memory is gone, its file system is kept",
                Map.of("cause", "restart", "problem", problem, "memory", MemoryKept.NONE.wireName()));
    }

    /** Undoes a resume or a rollback that did not come to its end. */
    private void back(Sandbox sandbox, Findings found, boolean guestRan) {
        JournalEntry entry = found.entry();
        try {
            sandbox.root().unmount();
            sandbox.root().restoreAside();
        } catch (ImageFailure e) {
            log.error("the disk of sandbox {} can't be put back", sandbox.id(), e);
        }
        boolean rollback = entry.state() == Phase.ROLLING_BACK;
        if (entry.way().from() != Phase.PAUSED) {
            losing.lose(
                    sandbox,
                    entry.problem()
                            .orElse("Holt stopped while it was " + entry.state().words()
                                    + ", and it could not be brought back"));
            return;
        }
        Pause pause = entry.pause().orElseThrow();
        MemoryKept left = pause.memory() == MemoryKept.HOST ? MemoryKept.NONE : pause.memory();
        if (!rollback && pause.memory() != MemoryKept.HOST && entry.way().step() != Transition.Step.BEGUN) {
            left = putRight(sandbox, found, guestRan);
        }
        sandbox.becomeDurably(Pausing.paused(sandbox.entry(), new Pause(pause.since(), left), entry.generation()));
        sandbox.event(
                rollback ? SandboxEvent.Type.ROLLBACK_FAILED : SandboxEvent.Type.RESUME_FAILED,
                "Holt stopped before it was complete; it is paused as it was",
                Map.of("cause", "restart", "memory", left.wireName()));
    }

    /** The disk was mounted since the pause: its image is another one now, and after a guest ran on it its content may be too. */
    private MemoryKept putRight(Sandbox sandbox, Findings found, boolean guestRan) {
        try {
            Optional<PauseRecord> record = sandbox.pauses().find(sandbox.entry().generation());
            if (record.isEmpty()) {
                return MemoryKept.NONE;
            }
            PauseRecord now = record.get();
            if (now.memory() == MemoryKept.DISK && guestRan && now.copy().isPresent()) {
                sandbox.root().swap(sandbox.pauses().copy(now.generation()));
                sandbox.root().dropAside();
                now = now.withCopy(Optional.empty());
            } else if (guestRan || now.memory() == MemoryKept.HOST) {
                now = now.withoutMemory(); // what stood still in the host's was given up for this resume
            }
            now = found.sameBoot()
                    ? now.withDisk(context.verified().sum(sandbox.root().image(), "disk"))
                    : now.withoutDisk();
            sandbox.pauses().commit(now);
            return now.memory();
        } catch (SnapshotFailure e) {
            log.error("the pause of sandbox {} can't be put right; its file system is what is left", sandbox.id(), e);
            return MemoryKept.NONE;
        }
    }

    // ---- what is lost -----------------------------------------------------------------------------------------------

    private void lost(Sandbox sandbox, Findings found) {
        JournalEntry entry = found.entry();
        if (entry.state() == Phase.RESUMING || entry.state() == Phase.ROLLING_BACK) {
            back(sandbox, found, false);
            return;
        }
        if (entry.state() == Phase.LOST) {
            try {
                sandbox.root().unmount();
            } catch (ImageFailure e) {
                log.error("the disk of the lost sandbox {} is still in use", sandbox.id(), e);
            }
        } else {
            String problem = !found.sameBoot()
                    ? "the host restarted while it was " + entry.state()
                    : found.instance().isPresent()
                            ? "it ran, and its network, disk or template was not found again"
                            : found.runtime().isEmpty()
                                    ? "its runtime does not work any more"
                                    : "what ran of it ended while Holt did not run";
            losing.lose(sandbox, problem);
        }
    }
}
