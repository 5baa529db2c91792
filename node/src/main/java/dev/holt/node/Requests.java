package dev.holt.node;

import dev.holt.nodeapi.NodeException;
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
 * Makes calls idempotent, creates and captures: the first call with a request id does the work, every other one within ten minutes gets its
 * outcome. Failed ones are forgotten at once, so that trying again tries again. The work has a thread of its own: a caller that
 * is interrupted gives up its answer, not the work.
 */
final class Requests<T> {
    private static final Duration REMEMBERED = Duration.ofMinutes(10);
    private static final int MOST = 20_000;

    private record Request<T>(Instant since, CompletableFuture<T> outcome) {}

    private final String what;
    private final Clock clock;
    private final Map<UUID, Request<T>> requests = new LinkedHashMap<>();

    /** @param what in messages: "create" */
    Requests(String what, Clock clock) {
        this.what = what;
        this.clock = clock;
    }

    /** The outcome of {@code work}, done now or by an earlier call with the same id. */
    T once(UUID id, Supplier<T> work) {
        CompletableFuture<T> mine = new CompletableFuture<>();
        CompletableFuture<T> outcome = register(id, mine);
        if (outcome == mine) {
            Thread.ofVirtual().name(what + " " + id).start(() -> {
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
                    "the caller of " + what + " " + id + " was interrupted; it goes on, ask again with the same id",
                    e);
        } catch (ExecutionException e) {
            Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
            if (cause instanceof NodeException failure) {
                throw failure;
            }
            throw new NodeException(
                    NodeException.Kind.INTERNAL, what + " " + id + " failed: " + cause.getMessage(), cause);
        }
    }

    /** Remembers one that an earlier run answered. */
    synchronized void adopt(UUID id, Instant answered, T outcome) {
        if (answered.isAfter(clock.instant().minus(REMEMBERED))) {
            requests.put(id, new Request<>(answered, CompletableFuture.completedFuture(outcome)));
        }
    }

    private synchronized CompletableFuture<T> register(UUID id, CompletableFuture<T> mine) {
        Instant now = clock.instant();
        Instant oldest = now.minus(REMEMBERED);
        for (Iterator<Request<T>> all = requests.values().iterator(); all.hasNext(); ) {
            Request<T> first = all.next();
            boolean tooMany = requests.size() >= MOST;
            if (!tooMany && !first.since().isBefore(oldest)) {
                break;
            }
            if (first.outcome().isDone()) {
                all.remove();
            }
        }
        Request<T> earlier = requests.putIfAbsent(id, new Request<>(now, mine));
        return earlier == null ? mine : earlier.outcome();
    }

    private synchronized void forget(UUID id) {
        requests.remove(id);
    }
}
