package dev.holt.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.thread.Scheduler;
import org.jspecify.annotations.Nullable;

/**
 * An endpoint that can be watched for the client's end of stream while its connection does not read. To tell an end from
 * a pipelined request it reads ahead, on the selector's thread, and gives the bytes to the connection when that reads
 * next.
 */
final class WatchableEndPoint extends SocketChannelEndPoint {
    /** How far to read ahead. A client that pipelined more than this is not noticed leaving until its turn comes. */
    private static final int AHEAD_BYTES = 16 * 1024;

    private final Executor executor;
    private final ReentrantLock lock = new ReentrantLock();
    private volatile SelectionKey key;

    /** What was read ahead and not yet given to the connection; guarded by lock, as is the watcher. */
    private @Nullable ByteBuffer ahead;

    private @Nullable Runnable watcher;

    WatchableEndPoint(
            SocketChannel channel, ManagedSelector selector, SelectionKey key, Scheduler scheduler, Executor executor) {
        super(channel, selector, key, scheduler);
        this.key = key;
        this.executor = executor;
    }

    /** Runs {@code onGone} on a thread of its own, once, when the client ends the connection; at most one watcher. */
    void watch(Runnable onGone) {
        lock.lock();
        try {
            if (watcher != null) {
                throw new IllegalStateException("the connection is being watched already");
            }
            watcher = onGone;
        } finally {
            lock.unlock();
        }
        super.needsFillInterest();
    }

    /** Ends the watch; {@code onGone} is not started afterwards. */
    void unwatch() {
        lock.lock();
        try {
            watcher = null;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public Runnable onSelected() {
        boolean readable = (key.readyOps() & SelectionKey.OP_READ) != 0;
        Runnable task = super.onSelected();
        if (readable && !getFillInterest().isInterested()) {
            readAhead();
        }
        return task;
    }

    private void readAhead() {
        lock.lock();
        try {
            Runnable onGone = watcher;
            if (onGone == null) {
                return;
            }
            ByteBuffer buffer = ahead;
            if (buffer == null) {
                buffer = BufferUtil.allocate(AHEAD_BYTES);
                ahead = buffer;
            }
            while (BufferUtil.space(buffer) > 0) {
                int filled = super.fill(buffer);
                if (filled < 0) {
                    watcher = null;
                    executor.execute(onGone);
                    return;
                }
                if (filled == 0) {
                    super.needsFillInterest();
                    return;
                }
            }
        } catch (IOException failure) {
            Runnable onGone = watcher;
            watcher = null;
            if (onGone != null) {
                executor.execute(onGone);
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public int fill(ByteBuffer buffer) throws IOException {
        lock.lock();
        try {
            ByteBuffer early = ahead;
            if (early == null) {
                return super.fill(buffer);
            }
            if (!early.hasRemaining()) {
                ahead = null;
                return super.fill(buffer);
            }
            int filled = BufferUtil.append(buffer, early);
            notIdle();
            return filled;
        } finally {
            lock.unlock();
        }
    }

    @Override
    protected void needsFillInterest() {
        if (hasAhead()) {
            executor.execute(getFillInterest()::fillable);
        } else {
            super.needsFillInterest();
        }
    }

    private boolean hasAhead() {
        lock.lock();
        try {
            return ahead != null && ahead.hasRemaining();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void replaceKey(SelectionKey newKey) {
        key = newKey;
        super.replaceKey(newKey);
    }
}
