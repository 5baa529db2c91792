package dev.holt.node;

import dev.holt.node.logs.LogStore;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.wire.id.SandboxId;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the node does by itself, looked at four times a second: deadlines, transitions that take too long, tries again, tidying. */
final class Duties {
    private static final Logger log = LoggerFactory.getLogger(Duties.class);
    private static final Duration SWEEP = Duration.ofMinutes(1);
    private static final Duration SHORTEST_EXTENSION = Duration.ofSeconds(30);
    private static final Duration LONGEST_EXTENSION = Duration.ofMinutes(5);
    private static final Duration TRY_AGAIN = Duration.ofSeconds(2);
    /** Forks start within seconds of their capture. */
    private static final Duration PASSING_IDLE = Duration.ofMinutes(5);

    private final NodeContext context;
    private final Registry registry;
    private final Ends ends;
    private final Transitions transitions;
    private final Pausing pausing;
    private final LogStore logs;
    /** Sandboxes for which something is being done, or was not long ago. */
    private final Set<SandboxId> attended = ConcurrentHashMap.newKeySet();

    private Instant nextSweep = Instant.EPOCH;

    Duties(NodeContext context, Registry registry, Ends ends, Transitions transitions, Pausing pausing) {
        this.context = context;
        this.registry = registry;
        this.ends = ends;
        this.transitions = transitions;
        this.pausing = pausing;
        this.logs = context.logs();
    }

    void look(Instant now) {
        for (Sandbox sandbox : registry.all()) {
            if (sandbox.turns().busy()) {
                sandbox.turns().endOverdue(now);
            } else {
                look(sandbox, now);
            }
        }
        if (!now.isBefore(nextSweep) || now.isBefore(nextSweep.minus(SWEEP))) {
            nextSweep = now.plus(SWEEP);
            context.background().execute(() -> {
                logs.expire(registry.ids());
                context.snapshots().expirePassing(PASSING_IDLE);
            });
        }
    }

    private void look(Sandbox sandbox, Instant now) {
        if (sandbox.isUnwritten()) {
            sandbox.turns().whenFree(sandbox::writeUnwritten);
        }
        switch (sandbox.phase()) {
            case RUNNING -> {
                sandbox.guest().attention().look();
                if (sandbox.expired(now)) {
                    if (onTimeout(sandbox) == Lifecycle.OnTimeout.PAUSE) {
                        attend(sandbox, () -> pause(sandbox));
                    } else {
                        ends.endInBackground(sandbox, EndReason.TIMEOUT, this::isDue);
                    }
                }
            }
            case LOST -> {
                if (sandbox.expired(now) && onTimeout(sandbox) == Lifecycle.OnTimeout.KILL) {
                    ends.endInBackground(sandbox, EndReason.TIMEOUT, this::isDue);
                }
            }
            case ENDING -> ends.endInBackground(sandbox, sandbox.endReason(), still -> true);
            case PAUSING -> attend(sandbox, () -> finishPause(sandbox));
            case PAUSED -> {
                if (sandbox.takeCopyDue(now)) {
                    attend(sandbox, () -> keepCopy(sandbox));
                }
            }
            case WARM, CAPTURING, RESUMING, ROLLING_BACK, ENDED -> {}
        }
    }

    /** It may have been prolonged or paused meanwhile. */
    private boolean isDue(Sandbox sandbox) {
        return sandbox.expired(context.now()) && (sandbox.phase() == Phase.RUNNING || sandbox.phase() == Phase.LOST)
                || sandbox.phase() == Phase.ENDING;
    }

    private static Lifecycle.OnTimeout onTimeout(Sandbox sandbox) {
        return sandbox.entry().owner().lifecycle().onTimeout();
    }

    /** One thing at a time for each sandbox. */
    private void attend(Sandbox sandbox, Runnable duty) {
        if (attended.add(sandbox.id())) {
            context.background().execute(() -> {
                try {
                    duty.run();
                } catch (RuntimeException e) {
                    log.error("a duty for sandbox {} failed", sandbox.id(), e);
                } finally {
                    attended.remove(sandbox.id());
                }
            });
        }
    }

    private void pause(Sandbox sandbox) {
        try {
            transitions.pauseAtDeadline(sandbox);
        } catch (NodeException e) {
            if (e.kind() == NodeException.Kind.NOT_FOUND) {
                return; // it gave way to a kill
            }
            sandbox.turns().whenFree(() -> {
                if (sandbox.phase() == Phase.RUNNING && sandbox.expired(context.now())) {
                    Instant next = sandbox.pauseFailed(context.now(), SHORTEST_EXTENSION, LONGEST_EXTENSION);
                    log.warn(
                            "sandbox {} could not be paused at its deadline, tried again at {}", sandbox.id(), next, e);
                    sandbox.event(
                            SandboxEvent.Type.TIMEOUT_CHANGED,
                            "it runs on for a while, then its pause is tried again",
                            Map.of(
                                    "cause",
                                    "reaper",
                                    "deadline",
                                    next.toString(),
                                    "problem",
                                    String.valueOf(e.getMessage())));
                }
            });
        }
    }

    private void finishPause(Sandbox sandbox) {
        try {
            sandbox.turns().whenFree(() -> {
                boolean committed = sandbox.phase() == Phase.PAUSING
                        && sandbox.entry().way().step() == Transition.Step.COMMITTED;
                if (committed) {
                    pausing.finishCommitted(sandbox);
                }
            });
        } finally {
            if (sandbox.phase() == Phase.PAUSING) {
                pauseBriefly();
            }
        }
    }

    private static void pauseBriefly() {
        try {
            Thread.sleep(TRY_AGAIN);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void keepCopy(Sandbox sandbox) {
        try {
            pausing.keepCopy(sandbox);
        } catch (SnapshotFailure e) {
            log.warn("the pause of sandbox {} is kept without a copy of its disk: {}", sandbox.id(), e.getMessage());
        }
    }
}
