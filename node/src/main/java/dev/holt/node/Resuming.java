package dev.holt.node;

import dev.holt.node.guest.GuestFailure;
import dev.holt.node.snapshot.PauseRecord;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.Pause;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a paused sandbox, or a lost one, back to RUNNING, top to bottom. When it can't, the sandbox is what it was before. The caller
 * holds its lock.
 */
final class Resuming {
    private static final Logger log = LoggerFactory.getLogger(Resuming.class);
    /** A thawed guest answers at once, unless its host is overloaded. */
    private static final Duration THAW_PATIENCE = Duration.ofSeconds(20);

    private final NodeContext context;
    private final Comeback comeback;

    Resuming(NodeContext context, Comeback comeback) {
        this.context = context;
        this.comeback = comeback;
    }

    /** Resumes a PAUSED sandbox; {@code cause} is for its events. */
    Resumed resume(Sandbox sandbox, Duration timeout, boolean useMemory, Cause cause) {
        Pause pause = sandbox.entry()
                .pause()
                .orElseThrow(() -> new IllegalStateException("sandbox " + sandbox.id() + " is not paused"));
        List<Resumed.Way> ways = useMemory && pause.memory() == MemoryKept.DISK
                ? List.of(Resumed.Way.RESTORED, Resumed.Way.PREVIOUS, Resumed.Way.BOOTED)
                : List.of(Resumed.Way.BOOTED, Resumed.Way.PREVIOUS);
        return back(sandbox, timeout, ways, useMemory && pause.memory() == MemoryKept.HOST, cause);
    }

    /** Brings a LOST sandbox back. */
    Resumed recover(Sandbox sandbox) {
        // One that was running when it was lost has newer files than any pause: they come first.
        List<Resumed.Way> ways = sandbox.entry().pause().isPresent()
                ? List.of(Resumed.Way.RESTORED, Resumed.Way.PREVIOUS, Resumed.Way.BOOTED)
                : List.of(Resumed.Way.BOOTED, Resumed.Way.PREVIOUS);
        Duration timeout = sandbox.entry().owner().lifecycle().timeout();
        return back(sandbox, timeout, ways, false, Cause.API);
    }

    private Resumed back(Sandbox sandbox, Duration timeout, List<Resumed.Way> ways, boolean inPlace, Cause cause) {
        long from = System.nanoTime();
        JournalEntry before = sandbox.entry();
        Optional<Capacity.Promise> kept = sandbox.room();
        kept.ifPresent(Capacity.Promise::wake);
        Capacity.Promise room =
                kept.orElseGet(() -> context.capacity().reserve(sandbox.kind().resources()));
        try {
            context.taken(StateStep.RESUME_RESERVED, sandbox);
            begin(sandbox, cause);
            context.taken(StateStep.RESUME_JOURNAL, sandbox);
            Comeback.Outcome outcome = inPlace ? thaw(sandbox) : fresh(sandbox, ways);
            return runs(sandbox, room, outcome, timeout, before, cause, from);
        } catch (RuntimeException e) {
            throw undone(sandbox, before, room, inPlace, cause, e);
        }
    }

    private void begin(Sandbox sandbox, Cause cause) {
        sandbox.become(sandbox.entry()
                .with()
                .phase(
                        Phase.RESUMING,
                        new Transition(
                                sandbox.phase(),
                                context.now()
                                        .plus(context.resumeLimit(sandbox.kind())
                                                .multipliedBy(2)),
                                sandbox.entry().generation(),
                                Transition.Step.BEGUN))
                .entry());
        sandbox.event(SandboxEvent.Type.RESUMING, "coming back, asked by " + cause.words(), cause.fields(Map.of()));
    }

    /** A container that stands still in the host's memory. */
    private Comeback.Outcome thaw(Sandbox sandbox) {
        Body body = sandbox.guest().running();
        body.instance().thaw();
        sandbox.guest().reconnect();
        try {
            body.agent().awaitReady(THAW_PATIENCE);
        } catch (GuestFailure e) {
            sandbox.guest().stopTraffic();
            body.instance().freeze();
            throw e;
        }
        return new Comeback.Outcome(body, Resumed.Way.RESTORED, Optional.empty());
    }

    private Comeback.Outcome fresh(Sandbox sandbox, List<Resumed.Way> ways) {
        sandbox.guest().end(); // one that stands still and is not to be used
        return comeback.run(sandbox, ways);
    }

    private Resumed runs(
            Sandbox sandbox,
            Capacity.Promise room,
            Comeback.Outcome outcome,
            Duration timeout,
            JournalEntry before,
            Cause cause,
            long from) {
        sandbox.take(outcome.body(), room);
        Instant deadline = context.now().plus(timeout);
        sandbox.become(sandbox.entry()
                .with()
                .phase(Phase.RUNNING)
                .unpaused()
                .until(deadline, timeout)
                .entry());
        context.parts().steps().taken(StateStep.RESUME_RUNS, sandbox.id());
        Duration took = Duration.ofNanos(System.nanoTime() - from);
        Optional<String> fallback = outcome.fallback().or(() -> told(before, outcome.way()));
        Map<String, String> fields =
                cause.fields(Map.of("way", outcome.way().wireName(), "milliseconds", Long.toString(took.toMillis())));
        fallback.ifPresent(why -> {
            fields.put("fallback", why);
            sandbox.event(
                    SandboxEvent.Type.FELL_BACK,
                    "it is not as it was: " + outcome.way().wireName(),
                    Map.of("fallback", why, "way", outcome.way().wireName()));
        });
        boolean lost = before.state() == Phase.LOST;
        sandbox.event(
                lost ? SandboxEvent.Type.RECOVERED : SandboxEvent.Type.RESUMED,
                (lost ? "recovered" : "resumed") + " by " + cause.words() + ": "
                        + outcome.way().wireName(),
                fields);
        sandbox.story(LogEntry.Level.INFO, lost ? "sandbox recovered" : "sandbox resumed", fields);
        if (outcome.way() == Resumed.Way.RESTORED) {
            tidy(sandbox);
        }
        SandboxStatus status = sandbox.status().orElseThrow(() -> NodeContext.killed(sandbox.id()));
        return new Resumed(status, outcome.way(), fallback);
    }

    /** A pause whose memory went with the host's is told of when it is resumed, too. */
    private static Optional<String> told(JournalEntry before, Resumed.Way way) {
        return way == Resumed.Way.BOOTED ? before.problem() : Optional.empty();
    }

    /** A memory image without a copy of the disk that matches it is of no use once the disk is written to. */
    private void tidy(Sandbox sandbox) {
        context.background()
                .execute(() -> sandbox.turns().whenFree(() -> {
                    try {
                        if (sandbox.phase() == Phase.RUNNING) {
                            Optional<PauseRecord> last = sandbox.pauses()
                                    .newestBefore(sandbox.entry().generation() + 1)
                                    .filter(record -> record.copy().isPresent());
                            sandbox.pauses()
                                    .keepOnly(last.map(record -> Set.of(record.generation()))
                                            .orElse(Set.of()));
                        }
                    } catch (SnapshotFailure e) {
                        log.warn(
                                "earlier pauses of sandbox {} can't be removed, the next pause tries again",
                                sandbox.id(),
                                e);
                    }
                }));
    }

    private RuntimeException undone(
            Sandbox sandbox,
            JournalEntry before,
            Capacity.Promise room,
            boolean inPlace,
            Cause cause,
            RuntimeException failure) {
        boolean overdue = Thread.interrupted();
        if (sandbox.guest().body().isPresent() && (inPlace || sandbox.phase() != Phase.RESUMING)) {
            sandbox.guest().stopTraffic();
            sandbox.guest().running().instance().freeze();
            room.rest();
        } else {
            if (sandbox.guest().body().isPresent()) {
                comeback.giveUp(sandbox);
            }
            room.close();
            sandbox.giveRoomBack();
        }
        String problem = (overdue ? "it took longer than it may: " : "") + failure.getMessage();
        if (sandbox.phase() == Phase.RESUMING) {
            sandbox.settle(as(sandbox, before));
        }
        sandbox.event(
                SandboxEvent.Type.RESUME_FAILED,
                "it could not be brought back and stays " + before.state().words(),
                cause.fields(Map.of("problem", problem)));
        sandbox.story(LogEntry.Level.WARN, "sandbox could not be brought back", Map.of("problem", problem));
        return failure instanceof NodeException
                ? failure
                : new NodeException(
                        NodeException.Kind.UNAVAILABLE,
                        "sandbox " + sandbox.id() + " could not be brought back and stays "
                                + before.state().words() + ": " + problem,
                        failure);
    }

    /** What it was before; what is left of its memory may be less. */
    private static JournalEntry as(Sandbox sandbox, JournalEntry before) {
        if (before.state() == Phase.LOST) {
            return sandbox.entry()
                    .with()
                    .phase(Phase.LOST)
                    .noInstance()
                    .problem(before.problem().orElse("it could not be brought back"))
                    .entry();
        }
        Pause pause = before.pause().orElseThrow();
        if (pause.memory() == MemoryKept.HOST && sandbox.guest().body().isPresent()) {
            return Pausing.paused(sandbox.entry(), pause, before.generation());
        }
        MemoryKept left = memoryLeft(sandbox, pause);
        return Pausing.paused(sandbox.entry(), new Pause(pause.since(), left), before.generation());
    }

    private static MemoryKept memoryLeft(Sandbox sandbox, Pause pause) {
        if (pause.memory() != MemoryKept.DISK) {
            return MemoryKept.NONE;
        }
        try {
            return sandbox.pauses()
                    .find(sandbox.entry().generation())
                    .map(PauseRecord::memory)
                    .orElse(pause.memory());
        } catch (SnapshotFailure e) {
            return pause.memory(); // it can't be read now; whoever resumes is told by name
        }
    }
}
