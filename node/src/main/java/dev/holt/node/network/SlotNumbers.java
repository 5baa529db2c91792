package dev.holt.node.network;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * Which slot numbers are in use. Numbers go round: a freed one, and with it its addresses, comes back as late as possible, so
 * that a client with a stale address meets nobody rather than a stranger.
 */
final class SlotNumbers {
    private final int count;
    private final BitSet used;
    private int next;

    SlotNumbers(int count) {
        this.count = count;
        this.used = new BitSet(count);
    }

    /** Takes {@code wanted} free numbers; all or none. */
    synchronized List<Integer> take(int wanted) {
        if (count - used.cardinality() < wanted) {
            throw new NetworkFailure("all " + count + " network slots are in use; a larger address block has more");
        }
        List<Integer> taken = new ArrayList<>(wanted);
        while (taken.size() < wanted) {
            int free = used.nextClearBit(next);
            if (free >= count) {
                next = 0;
                continue;
            }
            used.set(free);
            taken.add(free);
            next = free + 1;
        }
        return taken;
    }

    /** Marks a number as in use that an earlier run gave out. */
    synchronized void claim(int number) {
        if (number < 0 || number >= count) {
            throw new NetworkFailure(
                    "slot " + number + " of an earlier run lies outside the " + count + " slots configured");
        }
        used.set(number);
        next = Math.max(next, number + 1);
    }

    synchronized void release(int number) {
        used.clear(number);
    }

    synchronized int inUse() {
        return used.cardinality();
    }
}
