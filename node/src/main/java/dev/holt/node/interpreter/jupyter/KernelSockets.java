package dev.holt.node.interpreter.jupyter;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.zeromq.ZContext;

/**
 * The ZeroMQ sockets of all kernels, in the hands of one thread: JeroMQ's sockets are for one thread at a time, and an interrupt in
 * the middle of a call breaks what all of them share, so no request's thread may ever be in one. It only moves messages, a
 * few of each socket in turn; whoever waits for them checks and reads them. JeroMQ adds one thread for the network and one that
 * closes.
 */
public final class KernelSockets implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(KernelSockets.class);
    private static final int IO_THREADS = 1;
    /** JeroMQ refuses more; its own default, 1024, is a few hundred kernels. */
    private static final int SOCKETS_MAXIMUM = 65_000;
    /** How many messages one socket may hand over before it is the next one's turn. */
    private static final int IN_ONE_GO = 16;

    private static final Duration NOTED = Duration.ofNanos(30_000);

    private final MessageMemory memory;
    private final ZContext context;
    private final Selector selector;
    private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private final Set<KernelSocket> ready = new LinkedHashSet<>();
    private final Thread thread;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean closing;

    public KernelSockets(MessageMemory memory) {
        this.memory = memory;
        this.context = new ZContext(IO_THREADS);
        context.getContext().setMaxSockets(SOCKETS_MAXIMUM);
        context.setNotificationExceptionHandler(
                (thread, failure) -> log.warn("a kernel sent what ZeroMQ stumbled over: {}", failure.toString()));
        try {
            this.selector = Selector.open();
        } catch (IOException failure) {
            context.close();
            throw new UncheckedIOException("no selector for the sockets of kernels", failure);
        }
        this.thread = Thread.ofPlatform().daemon().name("kernels").start(this::run);
    }

    MessageMemory memory() {
        return memory;
    }

    /**
     * Begins to connect to a kernel. Whether it can be is told by the first message, or by the link's failure.
     *
     * @param address of its sandbox
     */
    public KernelLink open(InetAddress address, KernelPorts ports) {
        return open(address, ports, Optional.empty());
    }

    /** The same for a client that can answer questions which the code asks on {@link Channel#STDIN}. */
    public KernelLink openInteractive(InetAddress address, KernelPorts ports) {
        return open(address, ports, Optional.of(UUID.randomUUID().toString().getBytes(StandardCharsets.US_ASCII)));
    }

    private KernelLink open(InetAddress address, KernelPorts ports, Optional<byte[]> identity) {
        KernelLink link = new KernelLink(this, address, ports, identity);
        execute(link::openSockets);
        return link;
    }

    /** On the thread of the sockets. */
    KernelSocket connect(KernelLink link, Channel channel, int port) {
        return new KernelSocket(this, context, selector, link, channel, port);
    }

    /** On the thread of the sockets. */
    void close(KernelSocket socket) {
        ready.remove(socket);
        socket.close(context);
    }

    /** Runs {@code task} on the thread of the sockets, soon. After the close nothing runs any more. */
    void execute(Runnable task) {
        tasks.add(task);
        selector.wakeup();
    }

    /** Returns when all that was asked of the sockets' thread so far is done, closing what was closed for example, or after {@code patience}. */
    public void awaitExecuted(Duration patience) {
        CountDownLatch done = new CountDownLatch(1);
        execute(done::countDown);
        try {
            boolean unused = done.await(patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** On the thread of the sockets: {@code socket} may have something to read. */
    void markReady(KernelSocket socket) {
        ready.add(socket);
    }

    private void run() {
        try {
            while (!closing) {
                runTasks();
                if (ready.isEmpty()) {
                    selector.select(this::selected);
                } else {
                    selector.selectNow(this::selected);
                }
                read();
            }
        } catch (IOException failure) {
            log.error(
                    "the sockets of kernels can't be waited for any more: no code can be run until a restart", failure);
        } finally {
            context.close();
            ended.countDown();
        }
    }

    private void selected(SelectionKey key) {
        KernelSocket socket = KernelSocket.of(key);
        if (socket != null && key.isValid()) {
            ready.add(socket);
        }
    }

    private void runTasks() {
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            try {
                task.run();
            } catch (RuntimeException bug) {
                log.error("a task of the sockets of kernels failed", bug);
            }
        }
    }

    private void read() {
        List<KernelSocket> now = new ArrayList<>(ready);
        boolean idle = !now.isEmpty();
        for (KernelSocket socket : now) {
            try {
                if (socket.read(IN_ONE_GO) != KernelSocket.Reading.MORE) {
                    ready.remove(socket);
                }
                idle &= socket.foundNothing();
            } catch (RuntimeException failure) {
                log.warn("the socket of a kernel failed", failure);
                ready.remove(socket);
                socket.abandon(failure);
            }
        }
        if (idle) {
            // JeroMQ's thread makes a descriptor readable a moment before it notes that it did; till then there is
            // nothing to be
            // had, and the selector would not wait. On a busy host it may have lost its core in that very moment.
            LockSupport.parkNanos(NOTED.toNanos());
        }
    }

    /** Closes every socket. Links that are still open fail. */
    @Override
    public void close() {
        closing = true;
        selector.wakeup();
        boolean interrupted = false;
        while (true) {
            try {
                ended.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true; // the thread ends at once
            }
        }
        try {
            selector.close();
        } catch (IOException failure) {
            log.debug("the selector of kernels' sockets did not close", failure);
        }
        if (interrupted) {
            thread.interrupt();
            Thread.currentThread().interrupt();
        }
    }
}
