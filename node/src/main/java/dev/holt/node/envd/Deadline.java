package dev.holt.node.envd;

import java.time.Duration;
import java.util.Optional;

/** A moment by which something must be done, or never. */
record Deadline(long nanoTime, boolean never) {
    static final Deadline NEVER = new Deadline(0, true);

    static Deadline in(Duration time) {
        return new Deadline(System.nanoTime() + time.toNanos(), false);
    }

    static Deadline in(Optional<Duration> time) {
        return time.map(Deadline::in).orElse(NEVER);
    }

    boolean isOver() {
        return !never && System.nanoTime() - nanoTime >= 0;
    }

    /** Nanoseconds left, 0 when it is over; very many when it never is. */
    long nanosLeft() {
        return never ? Long.MAX_VALUE : Math.max(0, nanoTime - System.nanoTime());
    }

    Deadline earlier(Deadline other) {
        if (never || other.never) {
            return never ? other : this;
        }
        return nanoTime - other.nanoTime <= 0 ? this : other;
    }
}
