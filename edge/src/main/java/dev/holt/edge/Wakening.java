package dev.holt.edge;

import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has a sandbox run before a request is passed on, and words why it does not. */
final class Wakening {
    /** E2B's words. */
    static final String STILL_TRANSITIONING = "The sandbox is still transitioning. Try again in a moment.";

    /** As long as E2B waits for a transition. */
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(1);

    private static final Duration LOOK_AGAIN = Duration.ofMillis(20);
    private static final Logger log = LoggerFactory.getLogger(Wakening.class);

    private final Node node;
    private final Waker waker;

    Wakening(Node node, Waker waker) {
        this.node = node;
        this.waker = waker;
    }

    /**
     * Why a request can't be served.
     *
     * @param retryAfter when asking again may help, if that is known
     */
    record Refusal(int status, String message, Optional<Duration> retryAfter) {
        Refusal(int status, String message) {
            this(status, message, Optional.empty());
        }
    }

    /** Waits until the sandbox runs; what it does not run for is the answer. */
    Optional<Refusal> wake(SandboxStatus sandbox, int port) {
        boolean forgotten = sandbox.pause()
                .filter(pause -> pause.memory() == MemoryKept.NONE)
                .isPresent();
        if (sandbox.state() == SandboxState.LOST || forgotten) {
            return Optional.of(resting(sandbox));
        }
        if (!sandbox.lifecycle().autoResume()) {
            switch (sandbox.state()) {
                case PAUSED, PAUSING -> {
                    return Optional.of(resting(sandbox));
                }
                case RESUMING, ROLLING_BACK -> {
                    return awaited(sandbox.id());
                }
                default -> {
                    // It runs, or goes on in a moment.
                }
            }
        }
        try {
            return waker.wake(sandbox, port).map(quota -> new Refusal(429, quota));
        } catch (NodeException e) {
            return Optional.of(refusal(sandbox, e));
        }
    }

    /** Somebody else brings it back; traffic only waits for that. */
    private Optional<Refusal> awaited(SandboxId id) {
        long until = System.nanoTime() + LONGEST_WAIT.toNanos();
        while (System.nanoTime() < until) {
            Optional<SandboxStatus> now = node.find(id);
            if (now.isEmpty()) {
                return Optional.of(new Refusal(502, EdgeErrors.NOT_FOUND));
            }
            switch (now.get().state()) {
                case RUNNING, CAPTURING -> {
                    return Optional.empty();
                }
                case PAUSED, PAUSING, LOST -> {
                    return Optional.of(resting(now.get()));
                }
                case RESUMING, ROLLING_BACK -> {
                    // not yet
                }
            }
            try {
                Thread.sleep(LOOK_AGAIN);
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        return Optional.of(new Refusal(409, STILL_TRANSITIONING));
    }

    private Refusal refusal(SandboxStatus sandbox, NodeException e) {
        String message = String.valueOf(e.getMessage());
        return switch (e.kind()) {
            case NOT_FOUND -> new Refusal(502, EdgeErrors.NOT_FOUND);
            case CONFLICT, TIMEOUT ->
                node.find(sandbox.id())
                        .map(now -> now.state().inTransition() || now.state() == SandboxState.RUNNING
                                ? new Refusal(409, STILL_TRANSITIONING)
                                : resting(now))
                        .orElse(new Refusal(502, EdgeErrors.NOT_FOUND));
            case FULL -> new Refusal(503, "The sandbox is paused and can't be resumed now: " + message, e.retryAfter());
            case INVALID, UNAVAILABLE -> new Refusal(503, "The sandbox is paused and could not be resumed: " + message);
            case INTERNAL -> {
                log.error("sandbox {} can't be resumed for traffic", sandbox.id(), e);
                yield new Refusal(503, "The sandbox is paused and could not be resumed; the server's log says more");
            }
        };
    }

    /** Begins as E2B's answer for every sandbox that does not run, by which clients know it. */
    private static Refusal resting(SandboxStatus sandbox) {
        String why = sandbox.state() == SandboxState.LOST
                ? "it is lost, and what is left of it can be brought back by recovering it"
                : sandbox.lifecycle().autoResume()
                        ? "it is paused without its memory, and traffic does not resume it; connect to it"
                        : "it is paused, and traffic does not resume it; connect to it";
        return new Refusal(502, EdgeErrors.NOT_FOUND + ": " + why);
    }
}
