package dev.holt.node.pool;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a number of leases ready ahead of need. One virtual thread refills it, steps aside while somebody waits in the
 * foreground, and backs off while making fails. A lease is handed out at most once and never comes back: who takes it closes
 * it. Closing the pool closes what was never taken.
 *
 * <p>All state is one queue and one flag under one lock, which is never held while something is made or closed.
 */
public final class Pool<T extends Lease> implements Lease {
    private static final Logger log = LoggerFactory.getLogger(Pool.class);
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    private static final Duration FIRST_PAUSE = Duration.ofMillis(200);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

    /** Makes leases; called by the refill thread and, when the pool is empty, by whoever takes. */
    @FunctionalInterface
    public interface Maker<T> {
        /**
         * Makes at least one and at most {@code count} leases; on failure nothing is left of any.
         *
         * @param count how many are missing, at least 1
         */
        List<T> make(int count);
    }

    private final String name;
    private final int target;
    private final Foreground foreground;
    private final Maker<T> maker;
    private final Thread refiller;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<T> ready = new ArrayDeque<>();
    private boolean started;
    private boolean closed;

    /**
     * An empty pool, which makes things only for those who ask until it is {@link #start}ed.
     *
     * @param name for logs, for example "slots"
     * @param target how many to keep ready; with 0 everything is made when asked for
     * @param foreground whom the refill steps aside for
     */
    public Pool(String name, int target, Foreground foreground, Maker<T> maker) {
        if (target < 0) {
            throw new IllegalArgumentException("the pool of " + name + " can't keep " + target + " ready");
        }
        this.name = name;
        this.target = target;
        this.foreground = foreground;
        this.maker = maker;
        this.refiller = Thread.ofVirtual().name("refill of " + name).unstarted(this::refill);
    }

    /** Begins to fill, once. */
    public Pool<T> start() {
        lock.lock();
        try {
            if (!closed && !started) {
                started = true;
                refiller.start();
            }
            return this;
        } finally {
            lock.unlock();
        }
    }

    /** A ready lease, or one made now by the calling thread. Fails as the maker does. */
    public T take() {
        Optional<T> taken = poll();
        if (taken.isPresent()) {
            return taken.get();
        }
        return maker.make(1).getFirst();
    }

    /** A ready lease if there is one, the oldest first; never waits. */
    public Optional<T> poll() {
        lock.lock();
        try {
            T first = ready.pollFirst();
            if (first != null) {
                changed.signalAll();
            }
            return Optional.ofNullable(first);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Takes back a lease that turned out to be broken while it was ready.
     *
     * @return whether it was still there: then it is the caller's to close, and nobody else will ever get it
     */
    public boolean remove(T lease) {
        lock.lock();
        try {
            boolean removed = ready.remove(lease);
            if (removed) {
                changed.signalAll();
            }
            return removed;
        } finally {
            lock.unlock();
        }
    }

    /** Puts in a lease from an earlier life of this process, if there is room. Otherwise the caller keeps it. */
    public boolean offer(T lease) {
        lock.lock();
        try {
            if (closed || ready.size() >= target) {
                return false;
            }
            return ready.add(lease);
        } finally {
            lock.unlock();
        }
    }

    /** How many are ready now. */
    public int ready() {
        lock.lock();
        try {
            return ready.size();
        } finally {
            lock.unlock();
        }
    }

    /** Stops refilling, waits for the refill under way and closes everything that was never taken. */
    @Override
    public void close() {
        List<T> rest;
        boolean refilling;
        lock.lock();
        try {
            closed = true;
            refilling = started;
            changed.signalAll();
            rest = new ArrayList<>(ready);
            ready.clear();
        } finally {
            lock.unlock();
        }
        rest.forEach(this::closeQuietly);
        boolean interrupted = false;
        while (refilling) {
            try {
                refiller.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void refill() {
        Duration pause = Duration.ZERO;
        try {
            for (int missing = awaitMissing(); missing > 0; missing = awaitMissing()) {
                foreground.awaitQuiet(PATIENCE);
                try {
                    store(maker.make(missing));
                    if (!pause.isZero()) {
                        log.info("the pool of {} fills again", name);
                        pause = Duration.ZERO;
                    }
                } catch (RuntimeException e) {
                    if (pause.isZero()) {
                        log.warn("the pool of {} can't be filled, will keep trying", name, e);
                    }
                    pause = next(pause);
                    awaitClosed(pause);
                }
            }
        } catch (InterruptedException e) {
            // Nobody interrupts this thread; ending it is all that an interrupt could ask for.
            Thread.currentThread().interrupt();
        }
    }

    private static Duration next(Duration pause) {
        if (pause.isZero()) {
            return FIRST_PAUSE;
        }
        Duration twice = pause.multipliedBy(2);
        return twice.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : twice;
    }

    /** Blocks until something is missing and answers how much; 0 when the pool was closed. */
    private int awaitMissing() throws InterruptedException {
        lock.lock();
        try {
            while (!closed && ready.size() >= target) {
                changed.await();
            }
            return closed ? 0 : target - ready.size();
        } finally {
            lock.unlock();
        }
    }

    private void awaitClosed(Duration longest) throws InterruptedException {
        long left = longest.toNanos();
        lock.lock();
        try {
            while (!closed && left > 0) {
                left = changed.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    private void store(List<T> made) {
        lock.lock();
        try {
            if (!closed) {
                ready.addAll(made);
                return;
            }
        } finally {
            lock.unlock();
        }
        made.forEach(this::closeQuietly);
    }

    private void closeQuietly(T lease) {
        try {
            lease.close();
        } catch (RuntimeException e) {
            log.warn("a member of the pool of {} could not be given back", name, e);
        }
    }
}
