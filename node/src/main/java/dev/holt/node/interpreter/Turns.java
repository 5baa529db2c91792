package dev.holt.node.interpreter;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Lets one after another in, in the order in which they came. */
final class Turns {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    /** The first has its turn. */
    private final Deque<Turn> line = new ArrayDeque<>();

    /** A place in the line, until it is closed. */
    final class Turn implements AutoCloseable {
        private boolean woken;

        /** Whether it has come, now or within {@code patience}; waits shorter when it is {@link #wake woken}. */
        boolean await(Duration patience) throws InterruptedException {
            lock.lockInterruptibly();
            try {
                long left = patience.toNanos();
                while (line.peekFirst() != this && left > 0 && !woken) {
                    left = changed.awaitNanos(left);
                }
                woken = false;
                return line.peekFirst() == this;
            } finally {
                lock.unlock();
            }
        }

        /** Makes whoever awaits it look around. */
        void wake() {
            lock.lock();
            try {
                woken = true;
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void close() {
            lock.lock();
            try {
                line.remove(this);
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    /** Goes to the end of the line. */
    Turn join() {
        lock.lock();
        try {
            Turn turn = new Turn();
            line.addLast(turn);
            return turn;
        } finally {
            lock.unlock();
        }
    }

    /** How many are in the line, the one whose turn it is included. */
    int length() {
        lock.lock();
        try {
            return line.size();
        } finally {
            lock.unlock();
        }
    }
}
