package dev.holt.node.interpreter;

import dev.holt.node.guest.Errno;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.GuestProcess;
import dev.holt.node.guest.GuestUnreachable;
import dev.holt.node.guest.ProcessStream;
import dev.holt.node.interpreter.jupyter.Channel;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.node.interpreter.jupyter.KernelLink;
import dev.holt.node.interpreter.jupyter.KernelSockets;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One kernel's process in a guest, and the connection to it, which is made when it is needed. Whoever has its context's turn uses the
 * connection; anybody may end the kernel meanwhile.
 */
final class Kernel {
    static final int SIGINT = 2;
    static final int SIGKILL = 9;

    private static final Duration END_PATIENCE = Duration.ofSeconds(2);
    private static final Duration STEP = Duration.ofMillis(20);
    private static final Duration CONNECT_PATIENCE = Duration.ofSeconds(20);
    /** When a kernel that does not come back is interrupted, and interrupted again. */
    private static final long[] INTERRUPT_AFTER_MILLISECONDS = {1000, 5000, 10_000};

    private static final int STAT_MAXIMUM = 4096;

    private final GuestAgent agent;
    private final KernelSockets sockets;
    private final KernelRecord record;
    private final int pid;
    private final long startId;
    private final String connectionFile;

    private final ReentrantLock lock = new ReentrantLock();
    private @Nullable KernelLink link;
    /** Connections of others than the context's executions. */
    private final List<KernelLink> others = new ArrayList<>();

    private @Nullable KernelFailure over;

    /** Whether it may be busy with something that nobody waits for. */
    private volatile boolean unsettled = true;

    Kernel(GuestAgent agent, KernelSockets sockets, KernelRecord record, int pid, long startId, String connectionFile) {
        this.agent = agent;
        this.sockets = sockets;
        this.record = record;
        this.pid = pid;
        this.startId = startId;
        this.connectionFile = connectionFile;
    }

    KernelRecord record() {
        return record;
    }

    int pid() {
        return pid;
    }

    // ---- the connection
    // -------------------------------------------------------------------------------------------------

    /**
     * The connection, attended, to a kernel that takes code.
     *
     * @throws KernelFailure DIED when the process has ended, NOT_RESPONDING when it does not come back from what it does
     */
    KernelLink ready() throws InterruptedException {
        KernelLink current = current();
        if (current != null && current.isGood()) {
            current.attend(true);
            if (!unsettled) {
                return current;
            }
            try {
                settle(current, true, true, CONNECT_PATIENCE);
                return current;
            } catch (KernelFailure failure) {
                if (failure.kind() != KernelFailure.Kind.DISCONNECTED) {
                    throw failure;
                }
            }
        }
        return connect(true, CONNECT_PATIENCE);
    }

    /** The same for one that is starting, which must not be interrupted. Fails as it does, and DISCONNECTED while it does not listen. */
    KernelLink readyForTheFirstTime(Duration patience) throws InterruptedException {
        return connect(false, patience);
    }

    /**
     * Another connection, attended, in place of one that broke while code ran. Nothing says yet whether the kernel is reached by it; what
     * it says before it is, is lost. Waits while the guest is held.
     *
     * @throws KernelFailure when the kernel was let go of or ended
     */
    KernelLink reconnect() throws InterruptedException {
        return open();
    }

    /** Whether a connection is open. */
    boolean isConnected() {
        lock.lock();
        try {
            return link != null && link.isGood();
        } finally {
            lock.unlock();
        }
    }

    private KernelLink connect(boolean interruptible, Duration patience) throws InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        for (; ; ) {
            KernelLink fresh = open();
            try {
                settle(fresh, false, interruptible, Duration.ofNanos(deadline - System.nanoTime()));
                return fresh;
            } catch (KernelFailure failure) {
                fresh.close();
                if (failure.kind() != KernelFailure.Kind.DISCONNECTED || System.nanoTime() - deadline > 0) {
                    throw failure;
                }
                Optional<String> end = ended();
                if (end.isPresent()) {
                    throw new KernelFailure(KernelFailure.Kind.DIED, end.get());
                }
                Thread.sleep(STEP);
            }
        }
    }

    private KernelLink open() throws InterruptedException {
        awaitMoving();
        try {
            if (over != null) {
                throw over;
            }
            if (link != null) {
                link.close();
            }
            KernelLink fresh = sockets.open(agent.address().getAddress(), record.ports());
            fresh.attend(true);
            link = fresh;
            return fresh;
        } finally {
            lock.unlock();
        }
    }

    /** Returns with the lock when connections into the guest may be made: until it is let go, nobody can say that they may not. */
    private void awaitMoving() throws InterruptedException {
        lock.lockInterruptibly();
        while (!agent.isMoving() && over == null) {
            lock.unlock();
            agent.awaitMoving();
            lock.lockInterruptibly();
        }
    }

    /**
     * A connection of the caller's own, attended by nobody yet. It fails with the reason when the kernel is let go of or ended.
     *
     * @throws KernelFailure when that was done already
     */
    KernelLink openAnother() throws InterruptedException {
        awaitMoving();
        try {
            if (over != null) {
                throw over;
            }
            others.removeIf(other -> other.failure().isPresent());
            KernelLink another = sockets.openInteractive(agent.address().getAddress(), record.ports());
            others.add(another);
            return another;
        } finally {
            lock.unlock();
        }
    }

    private @Nullable KernelLink current() {
        lock.lock();
        try {
            if (over != null) {
                throw over;
            }
            return link;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns when the kernel answers on its shell, so that it is done with everything before, and is heard on iopub: what a
     * subscriber misses until its subscription has arrived is lost.
     */
    private void settle(KernelLink fresh, boolean heardBefore, boolean interruptible, Duration patience)
            throws InterruptedException {
        boolean replied = false;
        boolean heard = heardBefore;
        long start = System.nanoTime();
        int interrupts = interruptible ? 0 : INTERRUPT_AFTER_MILLISECONDS.length;
        int wait = 4;
        fresh.send(Channel.SHELL, "kernel_info_request", Map.of());
        while (!replied || !heard) {
            Duration pause = replied ? Duration.ofMillis(wait) : Duration.ofMillis(100);
            try (KernelLink.Taken next = fresh.poll(pause)) {
                if (next != null) {
                    heard |= next.message().channel() == Channel.IOPUB;
                    replied |= next.message().type().equals("kernel_info_reply");
                    continue;
                }
            }
            long milliseconds = (System.nanoTime() - start) / 1_000_000;
            if (milliseconds > patience.toMillis()) {
                throw notResponding(milliseconds);
            }
            if (replied) {
                fresh.send(Channel.SHELL, "kernel_info_request", Map.of());
                wait = Math.min(2 * wait, 100);
            } else if (interrupts < INTERRUPT_AFTER_MILLISECONDS.length
                    && milliseconds > INTERRUPT_AFTER_MILLISECONDS[interrupts]) {
                interrupts++;
                if (isStopped()) {
                    throw notResponding(milliseconds);
                }
                interrupt(fresh);
            }
        }
        unsettled = false;
    }

    private KernelFailure notResponding(long milliseconds) {
        String why = isStopped()
                ? "its process is stopped (SIGSTOP)"
                : "it has not come back, for " + milliseconds / 1000
                        + " s, from what it runs for a client that has gone, although it was interrupted";
        return new KernelFailure(
                KernelFailure.Kind.NOT_RESPONDING,
                "the kernel takes no code: " + why + "; restart the context to go on with a new kernel");
    }

    /** What was asked of it may go on: the next one to use it has to see to that first. */
    void leaveUnsettled() {
        unsettled = true;
    }

    /** Interrupts what it runs, as Ctrl-C would. */
    void interrupt(KernelLink connected) {
        if (record.interruptByMessage()) {
            connected.send(Channel.CONTROL, "interrupt_request", Map.of());
            return;
        }
        interruptBySignal();
    }

    /** The same for a kernel that is interrupted by a signal. */
    void interruptBySignal() {
        try {
            agent.signal(pid, SIGINT, true);
        } catch (GuestFailure failure) {
            if (failure.errno() != Errno.ESRCH) {
                throw failure;
            }
            // it has ended, as whoever waits for it will find
        }
    }

    // ---- the process
    // ----------------------------------------------------------------------------------------------------

    private boolean isStopped() {
        char state = state();
        return state == 'T' || state == 't';
    }

    /** The state of its process as in proc_pid_stat(5), 'Z' when it is none any more, ' ' when it can't be told. */
    char state() {
        Optional<byte[]> stat = KernelSpecs.read(agent, "/proc/" + pid + "/stat", STAT_MAXIMUM);
        if (stat.isEmpty()) {
            return 'Z';
        }
        String text = new String(stat.get(), StandardCharsets.ISO_8859_1);
        int name = text.lastIndexOf(')');
        return name >= 0 && name + 2 < text.length() ? text.charAt(name + 2) : ' ';
    }

    /** How the process ended, if it has, waiting a moment for it: a connection breaks before the end is known. */
    Optional<String> awaitEnd() throws InterruptedException {
        long deadline = System.nanoTime() + END_PATIENCE.toNanos();
        Optional<String> end = ended();
        while (end.isEmpty() && System.nanoTime() - deadline < 0) {
            Thread.sleep(STEP);
            end = ended();
        }
        return end;
    }

    /** How the process ended, if it has. */
    Optional<String> ended() {
        for (GuestProcess process : agent.processes()) {
            if (process.pid() == pid && process.startId() == startId) {
                return process.ended() ? Optional.of(collect()) : Optional.empty();
            }
        }
        return Optional.of("the kernel's process has ended");
    }

    /** Takes the end of a process that has ended, or is about to, off the agent's list. */
    private String collect() {
        StringBuilder tail = new StringBuilder();
        try (ProcessStream process = agent.attach(pid, startId)) {
            for (; ; ) {
                switch (process.poll(END_PATIENCE)) {
                    case ProcessStream.Exit exit -> {
                        return describe(exit) + saying(exit, tail);
                    }
                    case ProcessStream.Output output -> KernelStarter.keepTail(tail, output.data());
                    case ProcessStream.Quiet quiet -> {
                        return "the kernel's process has ended";
                    }
                    default -> {}
                }
            }
        } catch (GuestUnreachable gone) {
            throw gone;
        } catch (GuestFailure collectedBefore) {
            return "the kernel's process has ended";
        }
    }

    /** What a process that crashed has said last: its own stderr, which no cell prints to. */
    private static String saying(ProcessStream.Exit exit, StringBuilder tail) {
        boolean crashed = exit.bySignal() && exit.code() != SIGKILL;
        return crashed && !tail.isEmpty() ? "; it said: " + tail.toString().strip() : "";
    }

    static String describe(ProcessStream.Exit exit) {
        if (!exit.bySignal()) {
            return "the kernel ended with exit code " + exit.code();
        }
        return switch (exit.code()) {
            case SIGKILL -> "the kernel was killed (SIGKILL), perhaps because the sandbox had no memory left";
            case 11 -> "the kernel crashed (SIGSEGV)";
            case 6 -> "the kernel aborted (SIGABRT)";
            case 15 -> "the kernel was terminated (SIGTERM)";
            default -> "the kernel was killed by signal " + exit.code();
        };
    }

    // ---- ends
    // -----------------------------------------------------------------------------------------------------------

    /** Closes every connection for a moment in which none may be; whether there was one. Whoever uses one is told {@code why}. */
    boolean rest(KernelFailure why) {
        lock.lock();
        try {
            boolean open = isConnected()
                    || others.stream().anyMatch(other -> other.failure().isEmpty());
            disconnect(why);
            return open;
        } finally {
            lock.unlock();
        }
    }

    /** Closes the connection. Whoever uses it is told {@code why}; the kernel goes on. */
    void disconnect(KernelFailure why) {
        lock.lock();
        try {
            if (link != null) {
                link.fail(why);
                link.close();
                link = null;
            }
            others.forEach(other -> other.fail(why));
            others.clear();
        } finally {
            lock.unlock();
        }
    }

    /** Closes the connection for good. */
    void leave(KernelFailure why) {
        lock.lock();
        try {
            over = why;
        } finally {
            lock.unlock();
        }
        disconnect(why);
    }

    /** Ends the process, with all that it started in its own group. Whoever uses it is told {@code why}. */
    void kill(KernelFailure why) {
        leave(why);
        try {
            agent.signal(pid, SIGKILL, true);
        } catch (GuestFailure failure) {
            if (failure.errno() != Errno.ESRCH) {
                throw failure;
            }
            // it has ended by itself
        }
        try {
            agent.remove(KernelStarter.USER, connectionFile);
        } catch (GuestFailure failure) {
            if (failure.errno() != Errno.ENOENT) {
                throw failure;
            }
            // somebody tidied up
        }
        String unused = collect();
    }
}
