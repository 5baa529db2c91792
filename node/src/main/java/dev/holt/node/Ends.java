package dev.holt.node;

import dev.holt.node.image.ImageFailure;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.Pause;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.wire.id.SandboxId;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Ends sandboxes, and notices when what runs of one ends by itself. */
final class Ends {
    private static final Logger log = LoggerFactory.getLogger(Ends.class);

    private final NodeContext context;
    private final Registry registry;
    private final Losing losing;
    private volatile boolean stopped;

    Ends(NodeContext context, Registry registry, Losing losing) {
        this.context = context;
        this.registry = registry;
        this.losing = losing;
    }

    /** From now on nothing is noticed. */
    void stopNoticing() {
        stopped = true;
    }

    /** Ends it if {@code condition} holds once nobody else changes it; nothing of it runs then, the rest goes in the background. */
    void end(Sandbox sandbox, EndReason reason, Predicate<Sandbox> condition) {
        if (sandbox.stop(reason, condition)) {
            EndReason told = sandbox.endReason();
            sandbox.event(
                    told == EndReason.KILLED ? SandboxEvent.Type.KILLED : SandboxEvent.Type.ENDED,
                    why(told),
                    Map.of("cause", cause(told)));
            publish(sandbox.id(), told);
            context.background().execute(() -> {
                sandbox.release();
                registry.remove(sandbox);
            });
        }
    }

    /** Tells listeners of an end. */
    void publish(SandboxId sandbox, EndReason reason) {
        Instant now = context.now();
        context.listeners().publish(listener -> listener.ended(sandbox, reason, now));
    }

    static String why(EndReason reason) {
        return switch (reason) {
            case KILLED -> "killed by request";
            case TIMEOUT -> "ended by the reaper because its time was over";
            case CRASHED -> "its first process ended, or its runtime crashed";
            case ORPHANED -> "it was found without an owner";
            case HOST_RESTARTED -> "the host restarted while it ran";
        };
    }

    static String cause(EndReason reason) {
        return switch (reason) {
            case KILLED -> "api";
            case TIMEOUT -> "reaper";
            case CRASHED -> "crash";
            case ORPHANED, HOST_RESTARTED -> reason.name().toLowerCase(Locale.ROOT);
        };
    }

    void endInBackground(Sandbox sandbox, EndReason reason, Predicate<Sandbox> condition) {
        context.background().execute(() -> {
            try {
                end(sandbox, reason, condition);
            } catch (RuntimeException e) {
                log.error("sandbox {} could not be ended, will try again", sandbox.id(), e);
            }
        });
    }

    /**
     * Watches for the end of the first process of what runs of a sandbox now, for as long as it runs.
     *
     * @param warm takes a sandbox that is nobody's out of where it waits; false when somebody else has it
     */
    void watch(Sandbox sandbox, Predicate<Sandbox> warm) {
        sandbox.guest()
                .body()
                .ifPresent(body -> Thread.ofVirtual()
                        .name("end of " + sandbox.id())
                        .start(() -> {
                            try {
                                body.instance().awaitEnd();
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                                return;
                            } catch (CancellationException e) {
                                return; // the watching ends before the sandbox does: this daemon stops
                            }
                            ended(sandbox, body, warm);
                        }));
    }

    private void ended(Sandbox sandbox, Body body, Predicate<Sandbox> warm) {
        if (stopped || !sandbox.guest().isBody(body)) {
            return;
        }
        if (sandbox.entry().claim().isPresent()) {
            context.background().execute(() -> gone(sandbox, body));
        } else if (warm.test(sandbox)) {
            log.warn("the warm sandbox {} ended by itself", sandbox.id());
            context.background().execute(sandbox::close);
        }
    }

    /** What ran of a sandbox has ended and nobody wanted it to. */
    private void gone(Sandbox sandbox, Body body) {
        try {
            boolean crashed = sandbox.turns().take(Duration.ofDays(1), () -> {
                if (!sandbox.guest().isBody(body)) {
                    return false;
                }
                return switch (sandbox.phase()) {
                    case RUNNING -> {
                        log.warn("sandbox {} ended by itself", sandbox.id());
                        if (sandbox.entry().generation() == 0) {
                            yield true;
                        }
                        losing.lose(sandbox, "its first process ended, or its runtime crashed");
                        yield false;
                    }
                    case PAUSED -> {
                        log.warn("what stood still of sandbox {} ended by itself", sandbox.id());
                        forgetMemory(sandbox, "what stood still of it in the host's memory has ended");
                        yield false;
                    }
                    default -> false;
                };
            });
            if (crashed) {
                end(sandbox, EndReason.CRASHED, still -> still.guest().isBody(body));
            }
        } catch (RuntimeException e) {
            log.error("sandbox {} has ended and could not be cleaned up, will try again", sandbox.id(), e);
        }
    }

    /** Of a sandbox that stood still in memory only the file system is left. The caller holds its lock. */
    private void forgetMemory(Sandbox sandbox, String problem) {
        Pause pause = sandbox.entry().pause().orElseThrow();
        try {
            sandbox.guest().end();
            sandbox.root().unmount();
        } catch (ImageFailure e) {
            log.error("the disk of sandbox {} is still mounted", sandbox.id(), e);
        }
        sandbox.giveRoomBack();
        sandbox.becomeDurably(Pausing.paused(
                        sandbox.entry(),
                        new Pause(pause.since(), MemoryKept.NONE),
                        sandbox.entry().generation())
                .with()
                .problem(problem)
                .entry());
        sandbox.event(
                SandboxEvent.Type.FELL_BACK,
                "its memory is gone, its file system is kept",
                Map.of("cause", "crash", "problem", problem, "memory", MemoryKept.NONE.wireName()));
    }
}
