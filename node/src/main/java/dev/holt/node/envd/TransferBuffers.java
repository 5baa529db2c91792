package dev.holt.node.envd;

import java.nio.ByteBuffer;
import java.util.concurrent.ArrayBlockingQueue;

/** Lends the buffers that files pass through. A few are kept for the next, so that transfers allocate nothing. */
final class TransferBuffers {
    /** As large as a frame of the agent. */
    static final int BYTES = 256 * 1024;

    private static final int KEPT_MAXIMUM = 16;

    private final ArrayBlockingQueue<ByteBuffer> kept = new ArrayBlockingQueue<>(KEPT_MAXIMUM);

    /** A buffer on loan. */
    record Lease(ByteBuffer buffer, TransferBuffers owner) implements AutoCloseable {
        @Override
        public void close() {
            owner.giveBack(buffer);
        }
    }

    /** An empty direct buffer of {@link #BYTES}. */
    Lease lend() {
        ByteBuffer buffer = kept.poll();
        return new Lease(buffer == null ? ByteBuffer.allocateDirect(BYTES) : buffer.clear(), this);
    }

    private void giveBack(ByteBuffer buffer) {
        // Beyond the few, it is left to the garbage collector.
        boolean room = kept.offer(buffer);
        assert room || kept.remainingCapacity() == 0;
    }
}
