package dev.holt.node.guest;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Whether a guest is held, cut off or moving, for those who reach it past its agent. */
final class Standstill {
    private final List<Companion> companions = new CopyOnWriteArrayList<>();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private boolean standing;
    private boolean closed;
    private Optional<String> cutOff = Optional.empty();

    void join(Companion companion) {
        companions.add(companion);
    }

    void leave(Companion companion) {
        companions.remove(companion);
    }

    void begin(Optional<String> reason) {
        lock.lock();
        try {
            standing = true;
            cutOff = reason;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        companions.forEach(companion -> companion.rest(reason));
    }

    void end() {
        lock.lock();
        try {
            standing = false;
            cutOff = Optional.empty();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    void close() {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    boolean isMoving() {
        lock.lock();
        try {
            return !standing && !closed;
        } finally {
            lock.unlock();
        }
    }

    void await() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (standing || closed) {
                if (closed) {
                    throw new GuestUnreachable("the sandbox went away");
                }
                if (cutOff.isPresent()) {
                    throw new GuestCutOff(cutOff.get());
                }
                changed.await();
            }
        } finally {
            lock.unlock();
        }
    }
}
