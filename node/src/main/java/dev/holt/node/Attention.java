package dev.holt.node;

import dev.holt.node.runtime.RuntimeInstance;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether somebody waits for what a sandbox does. While nobody has asked anything of it for a while its runtime may save CPU time, which
 * makes the next answer a little slower: that one only.
 */
final class Attention {
    private static final Logger log = LoggerFactory.getLogger(Attention.class);
    private static final Duration KEPT = Duration.ofSeconds(5);

    private final Supplier<Optional<RuntimeInstance>> instance;
    private final Executor background;
    private final LongSupplier nanoTime;

    private volatile long lastAsked;
    /** As a runtime starts instances. */
    private volatile boolean attended = true;

    /**
     * @param instance what runs at present
     * @param background where the runtime is told: whoever asks does not wait for that
     */
    Attention(Supplier<Optional<RuntimeInstance>> instance, Executor background, LongSupplier nanoTime) {
        this.instance = instance;
        this.background = background;
        this.nanoTime = nanoTime;
        this.lastAsked = nanoTime.getAsLong();
    }

    /** Somebody asks something of it. */
    void asked() {
        lastAsked = nanoTime.getAsLong();
        if (!attended) {
            tell(true);
        }
    }

    /** Another instance runs, as its runtime started it. */
    void started() {
        lastAsked = nanoTime.getAsLong();
        attended = true;
    }

    /** To be called every now and then. */
    void look() {
        if (attended && nanoTime.getAsLong() - lastAsked > KEPT.toNanos()) {
            tell(false);
        }
    }

    private synchronized void tell(boolean now) {
        if (attended == now) {
            return;
        }
        attended = now;
        background.execute(() -> {
            try {
                instance.get().ifPresent(running -> running.attend(now));
            } catch (RuntimeException e) {
                log.debug("a runtime was not told whether it is attended", e);
            }
        });
    }
}
