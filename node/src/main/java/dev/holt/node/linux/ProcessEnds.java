package dev.holt.node.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Tells when processes end that are not our children, with one thread for all of them: it waits in epoll for their pidfds, which
 * become readable when the process ends (pidfd_open(2), Linux 5.3). Costs one descriptor a process, no polling.
 */
public final class ProcessEnds implements AutoCloseable {
    private static final int CONTROL_ADD = 1;
    private static final int CONTROL_DELETE = 2;
    private static final int READABLE = 1;
    // struct epoll_event is packed on x86-64 and nowhere else, see epoll_event(3type).
    private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");
    private static final long EVENT_SIZE = PACKED ? 12 : 16;
    private static final long EVENT_DATA = PACKED ? 4 : 8;
    private static final int EVENTS_AT_ONCE = 64;

    private final int epoll;
    private final int stop;
    private final Thread watcher;
    private final Map<Integer, CompletableFuture<Void>> watched = new ConcurrentHashMap<>();

    /** Starts the watching thread. */
    public ProcessEnds() {
        epoll = descriptor("epoll_create1", Libc.epollCreate());
        stop = descriptor("eventfd", Libc.eventfd());
        watcher = Thread.ofPlatform().daemon().name("process-ends").unstarted(this::watch);
        add(stop);
        watcher.start();
    }

    /**
     * Completed when the process has ended, with nothing; already complete when it has. What depends on it should run
     * elsewhere ({@code thenRunAsync}): the one thread that completes it serves all processes.
     */
    public CompletableFuture<Void> of(ProcessIdentity process) {
        long opened = Libc.pidfdOpen(Math.toIntExact(process.pid()));
        if (opened == -Libc.ESRCH || opened == -Libc.EINVAL) {
            return CompletableFuture.completedFuture(null);
        }
        int pidfd = descriptor("pidfd_open of process " + process.pid(), opened);
        if (!process.alive()) { // asked after pidfd_open: from here on the descriptor is of this very process
            Libc.close(pidfd);
            return CompletableFuture.completedFuture(null);
        }
        CompletableFuture<Void> end = new CompletableFuture<>();
        watched.put(pidfd, end);
        add(pidfd);
        return end;
    }

    /** How many processes are being watched. */
    public int watching() {
        return watched.size();
    }

    private void add(int descriptor) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment event = arena.allocate(EVENT_SIZE, 8);
            event.set(JAVA_INT, 0, READABLE);
            event.set(JAVA_LONG_UNALIGNED, EVENT_DATA, descriptor);
            long result = Libc.epollControl(epoll, CONTROL_ADD, descriptor, event);
            if (result < 0) {
                throw LinuxException.of("could not watch descriptor " + descriptor, -result);
            }
        }
    }

    /**
     * Closing alone does not take a descriptor out of the epoll while a program that is just being started still has its copy
     * (epoll(7), questions 6): it would be reported again, when its number is somebody else's.
     */
    private void forget(int descriptor) {
        Libc.epollControl(epoll, CONTROL_DELETE, descriptor, MemorySegment.NULL);
        Libc.close(descriptor);
    }

    private void watch() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment events = arena.allocate(EVENT_SIZE * EVENTS_AT_ONCE, 8);
            while (true) {
                long count = Libc.epollWait(epoll, events, EVENTS_AT_ONCE);
                for (long i = 0; i < count; i++) {
                    int descriptor = (int) events.get(JAVA_LONG_UNALIGNED, i * EVENT_SIZE + EVENT_DATA);
                    if (descriptor == stop) {
                        return;
                    }
                    CompletableFuture<Void> end = watched.remove(descriptor);
                    if (end != null) {
                        forget(descriptor);
                        end.complete(null);
                    }
                }
                if (count < 0 && count != -Libc.EINTR) {
                    throw LinuxException.of("could not wait for the ends of processes", -count);
                }
            }
        } finally {
            watched.forEach((descriptor, end) -> {
                Libc.close(descriptor);
                end.cancel(false);
            });
            Libc.close(epoll);
            Libc.close(stop);
        }
    }

    /** Ends the watching; whoever still waits gets a CancellationException. */
    @Override
    public void close() {
        if (watcher.isAlive()) {
            Libc.signalEvent(stop);
            try {
                watcher.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static int descriptor(String call, long result) {
        if (result < 0) {
            throw LinuxException.of(call, -result);
        }
        return (int) result;
    }
}
