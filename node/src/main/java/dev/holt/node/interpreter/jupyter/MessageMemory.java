package dev.holt.node.interpreter.jupyter;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * What messages may occupy of this process's memory, all kernels together. Small ones are free: of those each kernel has only a
 * few at a time. What is taken must be given back.
 */
public final class MessageMemory {
    /** Below this nothing is counted. */
    public static final int FREE_BYTES = 64 * 1024;

    private static final int UNIT = 1024;

    private final Semaphore kilobytes;
    private final long maximum;

    /** @param maximumBytes of all messages that are not small, at least 1 MiB */
    public MessageMemory(long maximumBytes) {
        this.maximum = maximumBytes;
        this.kilobytes = new Semaphore((int) Math.min(Integer.MAX_VALUE, maximumBytes / UNIT), true);
    }

    /** A quarter of the heap. */
    public static MessageMemory ofThisProcess() {
        return new MessageMemory(Runtime.getRuntime().maxMemory() / 4);
    }

    /** How much there is, in bytes. */
    public long maximum() {
        return maximum;
    }

    /** How much of it is free, in bytes. */
    public long free() {
        return (long) kilobytes.availablePermits() * UNIT;
    }

    /** Takes what {@code bytes} need, unless that is not there. */
    boolean tryTake(long bytes) {
        int needed = units(bytes);
        return needed == 0 || kilobytes.tryAcquire(needed);
    }

    /** Takes what {@code bytes} need, waiting for it; false when it was not there in time. */
    public boolean take(long bytes, Duration patience) throws InterruptedException {
        int needed = units(bytes);
        return needed == 0 || kilobytes.tryAcquire(needed, patience.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Gives back what was taken for {@code bytes}. */
    public void giveBack(long bytes) {
        giveBackUnits(units(bytes));
    }

    /** Gives back several at once, as {@link #units} counts them. */
    void giveBackUnits(int units) {
        kilobytes.release(units);
    }

    static int units(long bytes) {
        return bytes <= FREE_BYTES ? 0 : Math.toIntExact((bytes + UNIT - 1) / UNIT);
    }
}
