package dev.holt.node.pool;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * A stack of leases taken one after another. Closing it closes them in reverse order, all of them even when one fails, unless
 * {@link #keep} handed them on. For one thread at a time.
 */
public final class Leases implements Lease {
    private final Deque<Lease> stack = new ArrayDeque<>();

    /** Adds a lease that was just taken and returns it. */
    public <T extends Lease> T add(T lease) {
        stack.push(lease);
        return lease;
    }

    /** Hands all leases on: closing this stack closes nothing any more, closing the returned one does. */
    public Leases keep() {
        Leases kept = new Leases();
        kept.stack.addAll(stack);
        stack.clear();
        return kept;
    }

    /** Closes every lease, the newest first. When some fail, throws the first failure with the others suppressed in it. */
    @Override
    public void close() {
        RuntimeException failure = null;
        while (!stack.isEmpty()) {
            try {
                stack.pop().close();
            } catch (RuntimeException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
