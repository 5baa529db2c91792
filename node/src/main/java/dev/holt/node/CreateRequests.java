package dev.holt.node;

import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SandboxStatus;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;

/**
 * Makes creates idempotent: the first call with a request id does the work, every other one within ten minutes gets its
 * outcome. Failed ones are forgotten at once, so that trying again tries again. The work has a thread of its own: a caller that
 * is interrupted gives up its answer, not the sandbox.
 */
final class CreateRequests {
    private static final Duration REMEMBERED = Duration.ofMinutes(10);
    private static final int MOST = 20_000;

    private record Request(Instant since, CompletableFuture<SandboxStatus> outcome) {}

    private final Clock clock;
    private final Map<UUID, Request> requests = new LinkedHashMap<>();

    CreateRequests(Clock clock) {
        this.clock = clock;
    }

    /** The outcome of {@code work}, done now or by an earlier call with the same id. */
    SandboxStatus once(UUID id, Supplier<SandboxStatus> work) {
        CompletableFuture<SandboxStatus> mine = new CompletableFuture<>();
        CompletableFuture<SandboxStatus> outcome = register(id, mine);
        if (outcome == mine) {
            Thread.ofVirtual().name("create " + id).start(() -> {
                try {
                    mine.complete(work.get());
                } catch (Throwable e) {
                    forget(id);
                    mine.completeExceptionally(e);
                }
            });
        }
        try {
            return outcome.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new NodeException(
                    NodeException.Kind.UNAVAILABLE,
                    "the caller of create " + id + " was interrupted; the create goes on, ask again with the same id",
                    e);
        } catch (ExecutionException e) {
            Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
            if (cause instanceof NodeException failure) {
                throw failure;
            }
            throw new NodeException(
                    NodeException.Kind.INTERNAL, "create " + id + " failed: " + cause.getMessage(), cause);
        }
    }

    /** Remembers a create that an earlier run answered. */
    synchronized void adopt(UUID id, SandboxStatus outcome) {
        if (outcome.startedAt().isAfter(clock.instant().minus(REMEMBERED))) {
            requests.put(id, new Request(outcome.startedAt(), CompletableFuture.completedFuture(outcome)));
        }
    }

    private synchronized CompletableFuture<SandboxStatus> register(UUID id, CompletableFuture<SandboxStatus> mine) {
        Instant now = clock.instant();
        Instant oldest = now.minus(REMEMBERED);
        for (Iterator<Request> all = requests.values().iterator(); all.hasNext(); ) {
            Request first = all.next();
            boolean tooMany = requests.size() >= MOST;
            if (!tooMany && !first.since().isBefore(oldest)) {
                break;
            }
            if (first.outcome().isDone()) {
                all.remove();
            }
        }
        Request earlier = requests.putIfAbsent(id, new Request(now, mine));
        return earlier == null ? mine : earlier.outcome();
    }

    private synchronized void forget(UUID id) {
        requests.remove(id);
    }
}
