package dev.holt.node;

import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The door to the flows that move a sandbox between running, paused and lost: who may enter, who waits, who shares whose work. Each
 * flow has a thread of its own: a caller that is interrupted gives up its answer, and never decides a sandbox's fate.
 */
final class Transitions {
    private static final Duration SHORTEST_WAKE = Duration.ofSeconds(300);
    /** Nobody needs a deadline that is later by less. */
    private static final Duration WORTH_MOVING = Duration.ofMillis(500);

    private final NodeContext context;
    private final Registry registry;
    private final Pausing pausing;
    private final Resuming resuming;
    private final Capturing capturing;
    private final RollingBack rollingBack;
    private final Requests<SnapshotBuild> captures;
    private final Consumer<Sandbox> running;
    private final Map<SandboxId, CompletableFuture<Resumed>> resumes = new ConcurrentHashMap<>();

    /** @param running told of each sandbox that runs again */
    Transitions(
            NodeContext context,
            Registry registry,
            Pausing pausing,
            Resuming resuming,
            Capturing capturing,
            RollingBack rollingBack,
            Consumer<Sandbox> running) {
        this.context = context;
        this.registry = registry;
        this.pausing = pausing;
        this.resuming = resuming;
        this.capturing = capturing;
        this.rollingBack = rollingBack;
        this.running = running;
        this.captures = new Requests<>("capture", context.parts().clock());
    }

    SandboxStatus pause(SandboxId id, boolean keepMemory, Cause cause) {
        Sandbox sandbox = registry.required(id);
        Phase phase = sandbox.phase();
        if (phase == Phase.PAUSING || phase == Phase.PAUSED || phase == Phase.LOST) {
            throw conflict(sandbox, "can't be paused");
        }
        return work("pause of " + id, sandbox, told -> {
            pausing.pause(sandbox, keepMemory, cause, () -> told.accept(status(sandbox)));
            return status(sandbox);
        });
    }

    /** The reaper's: nothing happens when the sandbox is not due any more by the time that it is free. */
    void pauseAtDeadline(Sandbox sandbox) {
        sandbox.turns().takeInTime(Duration.ofSeconds(1), () -> {
            if (sandbox.phase() == Phase.RUNNING && sandbox.expired(context.now())) {
                pausing.pause(sandbox, sandbox.entry().owner().lifecycle().keepMemory(), Cause.TIMEOUT, () -> {});
            }
            return sandbox;
        });
    }

    Resumed resume(SandboxId id, ResumeSandbox request) {
        return resume(registry.required(id), request.timeout(), request.useMemory(), Cause.API);
    }

    Resumed wake(SandboxId id, int port) {
        Sandbox sandbox = registry.required(id);
        if (sandbox.phase() == Phase.RUNNING || sandbox.phase() == Phase.CAPTURING) {
            return new Resumed(status(sandbox), Resumed.Way.RAN, Optional.empty());
        }
        var lifecycle = sandbox.entry().owner().lifecycle();
        if (!lifecycle.autoResume()) {
            return broughtBack(sandbox);
        }
        Duration timeout = lifecycle.timeout().compareTo(SHORTEST_WAKE) < 0 ? SHORTEST_WAKE : lifecycle.timeout();
        return resume(sandbox, timeout, true, Cause.traffic(port));
    }

    /** Traffic does not bring it back. Where somebody else is about to, traffic waits for that. */
    private Resumed broughtBack(Sandbox sandbox) {
        Phase phase = sandbox.phase();
        if (phase == Phase.RESUMING || phase == Phase.ROLLING_BACK) {
            sandbox.turns().take(patience(sandbox), () -> sandbox);
        }
        SandboxStatus now = status(sandbox);
        if (now.state() != SandboxState.RUNNING && now.state() != SandboxState.CAPTURING) {
            throw conflict(sandbox, "is not resumed by traffic");
        }
        return new Resumed(now, Resumed.Way.RAN, Optional.empty());
    }

    private Resumed resume(Sandbox sandbox, Duration timeout, boolean useMemory, Cause cause) {
        SandboxId id = sandbox.id();
        if (sandbox.phase() == Phase.RUNNING || sandbox.phase() == Phase.CAPTURING) {
            SandboxStatus status = extended(sandbox, timeout);
            if (status.state() == SandboxState.RUNNING) {
                return new Resumed(status, Resumed.Way.RAN, Optional.empty());
            } // its own deadline was faster: it was paused while this waited
        }
        if (sandbox.phase() == Phase.LOST) {
            throw conflict(sandbox, "can't be resumed, recover it");
        }
        CompletableFuture<Resumed> mine = new CompletableFuture<>();
        CompletableFuture<Resumed> shared = resumes.computeIfAbsent(id, missing -> mine);
        if (shared == mine) {
            context.background().execute(() -> {
                try {
                    Resumed outcome = sandbox.turns()
                            .takeInTime(patience(sandbox), () -> resumeNow(sandbox, timeout, useMemory, cause));
                    resumes.remove(id, mine);
                    mine.complete(outcome);
                } catch (Throwable e) {
                    resumes.remove(id, mine);
                    mine.completeExceptionally(e);
                }
            });
        }
        Resumed outcome = await("resume of " + id, shared);
        return shared == mine ? outcome : new Resumed(extended(sandbox, timeout), outcome.way(), outcome.fallback());
    }

    /** Under the lock: what was going on before is over. */
    private Resumed resumeNow(Sandbox sandbox, Duration timeout, boolean useMemory, Cause cause) {
        if (sandbox.phase() == Phase.PAUSING && sandbox.entry().isKept()) {
            pausing.finishCommitted(sandbox);
        }
        return switch (sandbox.phase()) {
            case RUNNING -> new Resumed(later(sandbox, timeout), Resumed.Way.RAN, Optional.empty());
            case PAUSED -> {
                Resumed outcome = resuming.resume(sandbox, timeout, useMemory, cause);
                running.accept(sandbox);
                yield outcome;
            }
            case ENDING, ENDED -> throw Registry.notFound(sandbox.id());
            default -> throw conflict(sandbox, "can't be resumed");
        };
    }

    private SandboxStatus extended(Sandbox sandbox, Duration timeout) {
        if (!worthMoving(sandbox, timeout)) {
            return status(sandbox);
        }
        return sandbox.turns().take(patience(sandbox), () -> later(sandbox, timeout));
    }

    private boolean worthMoving(Sandbox sandbox, Duration timeout) {
        Instant wanted = context.now().plus(timeout).minus(WORTH_MOVING);
        return sandbox.entry().owner().deadline().isBefore(wanted);
    }

    /** A deadline only ever moves later here. */
    private SandboxStatus later(Sandbox sandbox, Duration timeout) {
        if (sandbox.phase() == Phase.RUNNING && worthMoving(sandbox, timeout)) {
            sandbox.setDeadline(context.now().plus(timeout), timeout);
        }
        return status(sandbox);
    }

    SandboxStatus setDeadline(SandboxId id, Instant deadline, Duration timeout) {
        Sandbox sandbox = registry.required(id);
        return sandbox.turns().take(patience(sandbox), () -> {
            if (!sandbox.setDeadline(deadline, timeout)) {
                throw sandbox.status().isEmpty() ? Registry.notFound(id) : conflict(sandbox, "has no deadline to move");
            }
            sandbox.event(
                    SandboxEvent.Type.TIMEOUT_CHANGED,
                    "its time was set anew",
                    Map.of("cause", "api", "deadline", deadline.toString()));
            return status(sandbox);
        });
    }

    SnapshotBuild capture(SandboxId id, CaptureSandbox request) {
        Sandbox sandbox = registry.required(id);
        if (sandbox.phase() == Phase.LOST) {
            throw conflict(sandbox, "can't be captured, recover it first");
        }
        return captures.once(
                request.requestId(),
                () -> sandbox.turns().takeInTime(patience(sandbox), () -> {
                    requireThere(sandbox);
                    return capturing.capture(sandbox, request);
                }));
    }

    Resumed rollback(SandboxId id, TemplateId template, String buildId) {
        Sandbox sandbox = registry.required(id);
        return work("rollback of " + id, sandbox, told -> {
            Resumed outcome = rollingBack.rollback(sandbox, template, buildId);
            running.accept(sandbox);
            return outcome;
        });
    }

    Resumed recover(SandboxId id) {
        Sandbox sandbox = registry.required(id);
        return work("recovery of " + id, sandbox, told -> {
            if (sandbox.phase() != Phase.LOST) {
                throw conflict(sandbox, "is not lost");
            }
            Resumed outcome = resuming.recover(sandbox);
            running.accept(sandbox);
            return outcome;
        });
    }

    /** @param flow may tell its outcome before it ends; the sandbox is others' when it has ended */
    private <T> T work(String name, Sandbox sandbox, Function<Consumer<T>, T> flow) {
        CompletableFuture<T> outcome = new CompletableFuture<>();
        context.background().execute(() -> {
            try {
                outcome.complete(sandbox.turns().takeInTime(patience(sandbox), () -> {
                    requireThere(sandbox);
                    return flow.apply(outcome::complete);
                }));
            } catch (Throwable e) {
                outcome.completeExceptionally(e);
            }
        });
        return await(name, outcome);
    }

    private static void requireThere(Sandbox sandbox) {
        if (sandbox.status().isEmpty()) {
            throw Registry.notFound(sandbox.id());
        }
    }

    private static <T> T await(String name, CompletableFuture<T> outcome) {
        try {
            return outcome.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new NodeException(
                    NodeException.Kind.UNAVAILABLE, "the caller of the " + name + " was interrupted; it goes on", e);
        } catch (ExecutionException e) {
            Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
            if (cause instanceof NodeException failure) {
                throw failure;
            }
            throw new NodeException(
                    NodeException.Kind.INTERNAL, "the " + name + " failed: " + cause.getMessage(), cause);
        }
    }

    /** As long as what may be going on may take. */
    private Duration patience(Sandbox sandbox) {
        return context.pauseLimit(sandbox.kind());
    }

    private static SandboxStatus status(Sandbox sandbox) {
        return sandbox.status().orElseThrow(() -> Registry.notFound(sandbox.id()));
    }

    private static NodeException conflict(Sandbox sandbox, String what) {
        return new NodeException(
                NodeException.Kind.CONFLICT,
                "sandbox " + sandbox.id() + " " + what + ": it is "
                        + sandbox.phase().words());
    }
}
