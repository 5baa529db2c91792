package dev.holt.node.interpreter.jupyter;

import java.util.function.LongConsumer;
import zmq.Msg;
import zmq.msg.MsgAllocator;

/**
 * Makes room for the parts of messages as they begin to arrive on one socket, and bounds it: a guest can announce any length, and
 * can send a message of endlessly many parts, of which ZeroMQ tells its user nothing before the last. What is too much gets no
 * room; what then follows on the wire is read as nonsense for the moment until the socket is closed.
 */
final class FrameAllocator implements MsgAllocator {
    /** The longest part. */
    static final int FRAME_MAXIMUM = 32 * 1024 * 1024;
    /** Three of the longest, or {@link KernelSocket#QUEUE} of 8 MiB with one being worked on and one arriving. */
    private static final long SOCKET_MAXIMUM = 3L * FRAME_MAXIMUM + 1024 * 1024;
    /** What each part costs besides its bytes. */
    private static final int OVERHEAD = 160;

    private final MessageMemory memory;
    private final LongConsumer onTooMuch;
    /** Bytes of parts that are somebody's, their overhead included. */
    private long held;
    /** What of the common memory they occupy. */
    private int units;

    private boolean closed;

    /** @param onTooMuch told, on ZeroMQ's own thread, how many bytes there was no room for */
    FrameAllocator(MessageMemory memory, LongConsumer onTooMuch) {
        this.memory = memory;
        this.onTooMuch = onTooMuch;
    }

    @Override
    public Msg allocate(int size) {
        if (admit(size)) {
            return new Msg(size);
        }
        onTooMuch.accept(size);
        return new Msg(0);
    }

    private synchronized boolean admit(int size) {
        if (closed || size > FRAME_MAXIMUM || held + size + OVERHEAD > SOCKET_MAXIMUM || !memory.tryTake(size)) {
            return false;
        }
        held += size + OVERHEAD;
        units += MessageMemory.units(size);
        return true;
    }

    /** A part of that size is nobody's any more. */
    synchronized void release(int size) {
        if (closed) {
            return;
        }
        held -= size + OVERHEAD;
        units -= MessageMemory.units(size);
        memory.giveBack(size);
    }

    /** Nothing of the socket is left. */
    synchronized void close() {
        if (!closed) {
            closed = true;
            memory.giveBackUnits(units);
        }
    }
}
