package dev.holt.node.envd;

import dev.holt.node.guest.Errno;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestCutOff;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.GuestUnreachable;
import dev.holt.node.guest.ProcessStream;
import dev.holt.wire.connect.ConnectCode;
import dev.holt.wire.connect.ConnectFailure;
import dev.holt.wire.process.ProcessEvent;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One process and all who want to know of it. A pump reads what the agent tells and passes it on to every subscriber before it
 * reads more, so a slow subscriber slows the process, as a slow reader of a pipe would. The pump is the thread of the request
 * that started the process for the first moments, which is all that a short command takes, then a virtual thread of its own.
 * When the connection to the agent breaks (a checkpoint does that) the pump takes the process over again.
 */
final class RunningProcess {
    private static final Logger LOG = LoggerFactory.getLogger(RunningProcess.class);
    private static final Duration REATTACH_TIME = Duration.ofSeconds(10);
    private static final Duration REATTACH_STEP = Duration.ofMillis(10);
    private static final int SIGKILL = 9;

    private final GuestAgent agent;
    private final ProcessRecord record;
    private final int pid;
    private final long startId;
    private final Deadline deadline;
    private final Consumer<RunningProcess> onEnd;

    private final ReentrantLock lock = new ReentrantLock();
    private final List<Subscriber> subscribers = new CopyOnWriteArrayList<>();
    private final Semaphore inputTurn = new Semaphore(1, true);
    private final AtomicBoolean killedAtDeadline = new AtomicBoolean();

    /** Input frames that the agent has not answered. Guarded by the lock, like all below. */
    private final Deque<CompletableFuture<Integer>> unanswered = new ArrayDeque<>();

    private @Nullable ProcessStream stream;
    private ProcessEvent.@Nullable EndEvent end;
    private long endedAt;
    private boolean lost;
    private boolean inputClosed;
    /** What the agent said when it was asked, as long as nobody is connected with the process. */
    private boolean endedUnseen;

    /** @param stream null while nobody needs to be connected with it */
    RunningProcess(
            GuestAgent agent,
            ProcessRecord record,
            int pid,
            long startId,
            @Nullable ProcessStream stream,
            Consumer<RunningProcess> onEnd) {
        this.agent = agent;
        this.record = record;
        this.pid = pid;
        this.startId = startId;
        this.stream = stream;
        this.onEnd = onEnd;
        this.inputClosed = !record.terminal() && !record.input();
        this.deadline = Deadline.in(record.deadline().map(moment -> Duration.between(Instant.now(), moment)));
    }

    ProcessRecord record() {
        return record;
    }

    int pid() {
        return pid;
    }

    long startId() {
        return startId;
    }

    /** How it ended, if it has. */
    Optional<ProcessEvent.EndEvent> end() {
        lock.lock();
        try {
            return Optional.ofNullable(end);
        } finally {
            lock.unlock();
        }
    }

    /** Whether it runs, as far as is known without asking the agent. */
    boolean isRunning() {
        lock.lock();
        try {
            return end == null && !lost && !endedUnseen;
        } finally {
            lock.unlock();
        }
    }

    /** Whether nobody is connected with it, so that its end would not be noticed. */
    boolean isUnattended() {
        lock.lock();
        try {
            return stream == null && end == null && !lost;
        } finally {
            lock.unlock();
        }
    }

    /** The agent says that it ended; how, it tells whoever attaches. */
    void endedUnseen() {
        lock.lock();
        try {
            endedUnseen = stream == null;
        } finally {
            lock.unlock();
        }
    }

    /** Sees to it that it is killed when its time is over, although nobody is connected with it. */
    void killWhenDue() {
        if (!deadline.never()) {
            Thread.ofVirtual().name("process-deadline-" + pid).start(() -> {
                try {
                    TimeUnit.NANOSECONDS.sleep(deadline.nanosLeft());
                } catch (InterruptedException stopping) {
                    Thread.currentThread().interrupt();
                    return;
                }
                if (isRunning()) {
                    killAtDeadline();
                }
            });
        }
    }

    /** Whether it ended longer ago than {@code time}, or is lost. */
    boolean isOlderThan(Duration time) {
        lock.lock();
        try {
            return lost || (end != null && System.nanoTime() - endedAt > time.toNanos());
        } finally {
            lock.unlock();
        }
    }

    /** The first subscriber, before anything is pumped. */
    void begin(Subscriber subscriber) {
        subscribers.add(subscriber);
    }

    /**
     * Adds a subscriber to what is told from now on. {@code start} must be what it is told first.
     *
     * @throws GuestFailure ESRCH when the guest no longer knows the process
     */
    void subscribe(Subscriber subscriber) {
        ProcessEvent.EndEvent over;
        lock.lock();
        try {
            over = end;
            if (over == null) {
                if (lost) {
                    subscriber.breakOff();
                    return;
                }
                subscribers.add(subscriber);
                attach();
            }
        } finally {
            lock.unlock();
        }
        if (over != null) {
            subscriber.end(over);
        }
    }

    void unsubscribe(Subscriber subscriber) {
        subscribers.remove(subscriber);
    }

    /** Connects with the process if nobody is. */
    void attach() {
        lock.lock();
        try {
            if (stream == null && end == null && !lost) {
                stream = agent.attach(pid, startId);
                pumpAside();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Goes on pumping on a thread of its own. */
    void pumpAside() {
        Thread.ofVirtual().name("process-" + pid).start(() -> pump(Deadline.NEVER));
    }

    /** Pumps until the process has ended (true) or {@code until} has come (false). */
    boolean pump(Deadline until) {
        for (; ; ) {
            ProcessStream source = currentStream();
            if (source == null) {
                return true;
            }
            try {
                ProcessStream.News news = source.poll(patience(until));
                if (tell(source, news)) {
                    return true;
                }
                if (deadline.isOver()) {
                    killAtDeadline();
                }
                if (until.isOver()) {
                    return false;
                }
            } catch (GuestCutOff cut) {
                cutOff(cut);
                return true;
            } catch (GuestUnreachable broken) {
                if (!attachAgain()) {
                    return true;
                }
            } catch (GuestFailure lie) {
                LOG.warn("process {} is given up: {}", pid, lie.text());
                lose();
                return true;
            }
        }
    }

    private @Nullable ProcessStream currentStream() {
        lock.lock();
        try {
            return lost ? null : stream;
        } finally {
            lock.unlock();
        }
    }

    private Duration patience(Deadline until) {
        Deadline next = killedAtDeadline.get() ? until : until.earlier(deadline);
        if (next.never()) {
            return Duration.ZERO;
        }
        return Duration.ofMillis(Math.max(1, TimeUnit.NANOSECONDS.toMillis(next.nanosLeft())));
    }

    /** Passes news on; true when they were the last. */
    private boolean tell(ProcessStream source, ProcessStream.News news) {
        switch (news) {
            case ProcessStream.Output output -> {
                for (Subscriber subscriber : subscribers) {
                    subscriber.output(output);
                }
            }
            case ProcessStream.InputTaken taken -> {
                CompletableFuture<Integer> waiting = oldestInput();
                if (waiting != null) {
                    waiting.complete(taken.error());
                }
            }
            case ProcessStream.Quiet quiet -> {}
            case ProcessStream.Exit exit -> {
                finish(ExitStatus.describe(exit));
                return true;
            }
        }
        if (!source.hasMore()) {
            subscribers.forEach(Subscriber::flush);
        }
        return false;
    }

    private @Nullable CompletableFuture<Integer> oldestInput() {
        lock.lock();
        try {
            return unanswered.poll();
        } finally {
            lock.unlock();
        }
    }

    private void finish(ProcessEvent.EndEvent event) {
        List<CompletableFuture<Integer>> inputs;
        lock.lock();
        try {
            end = event;
            endedAt = System.nanoTime();
            inputs = List.copyOf(unanswered);
            unanswered.clear();
            if (stream != null) {
                stream.close();
                stream = null;
            }
        } finally {
            lock.unlock();
        }
        // Known as ended before anybody is told, so that whoever is told finds it so.
        onEnd.accept(this);
        inputs.forEach(input -> input.complete(Errno.EPIPE.number()));
        subscribers.forEach(subscriber -> subscriber.end(event));
        subscribers.clear();
    }

    private boolean attachAgain() {
        failInputs();
        Deadline patience = Deadline.in(REATTACH_TIME);
        while (!patience.isOver() && currentStream() != null) {
            try {
                ProcessStream again = agent.attach(pid, startId);
                ProcessStream useless;
                lock.lock();
                try {
                    useless = lost ? again : stream;
                    stream = lost ? stream : again;
                } finally {
                    lock.unlock();
                }
                if (useless != null) {
                    useless.close();
                }
                return useless != again;
            } catch (GuestCutOff cut) {
                cutOff(cut);
                return false;
            } catch (GuestUnreachable notYet) {
                try {
                    Thread.sleep(REATTACH_STEP);
                } catch (InterruptedException stopping) {
                    Thread.currentThread().interrupt();
                    break;
                }
            } catch (GuestFailure unknown) {
                break;
            }
        }
        lose();
        return false;
    }

    /** Tells every subscriber that nothing more comes, and why; the process is there for whoever asks when that can be asked again. */
    private void cutOff(GuestCutOff cut) {
        lock.lock();
        try {
            if (stream != null) {
                stream.close();
                stream = null;
            }
        } finally {
            lock.unlock();
        }
        failInputs();
        ConnectFailure failure = GuestErrors.toConnect(cut);
        subscribers.forEach(subscriber -> subscriber.fail(failure));
        subscribers.clear();
    }

    private void failInputs() {
        List<CompletableFuture<Integer>> inputs;
        lock.lock();
        try {
            inputs = List.copyOf(unanswered);
            unanswered.clear();
        } finally {
            lock.unlock();
        }
        inputs.forEach(input -> input.completeExceptionally(
                new ConnectFailure(ConnectCode.UNAVAILABLE, "the connection with process " + pid + " broke")));
    }

    /** Nothing will ever be known of it again: breaks every subscriber's stream off and frees all. */
    void lose() {
        lock.lock();
        try {
            lost = true;
            if (stream != null) {
                stream.close();
            }
        } finally {
            lock.unlock();
        }
        failInputs();
        subscribers.forEach(Subscriber::breakOff);
        subscribers.clear();
        onEnd.accept(this);
    }

    /** Kills it with all its group, once, because its time is over. */
    void killAtDeadline() {
        if (killedAtDeadline.compareAndSet(false, true)) {
            try {
                agent.signal(pid, SIGKILL, true);
            } catch (GuestFailure alreadyOver) {
                // It ended by itself, or with its sandbox.
            }
        }
    }

    /** Sends one signal to the process and its group: what a shell started ends with the shell. */
    void signal(int number) {
        agent.signal(pid, number, true);
    }

    /** @throws ConnectFailure internal when it has no terminal */
    void resize(int columns, int rows) {
        if (!record.terminal()) {
            throw new ConnectFailure(ConnectCode.INTERNAL, "error resizing tty: tty not assigned to process");
        }
        agent.resize(pid, columns, rows);
    }

    /** Waits for the answer to an input frame. */
    interface InputWait {
        int await(CompletableFuture<Integer> answer) throws ExecutionException, TimeoutException, InterruptedException;
    }

    /**
     * Types or pipes {@code data} in, after all input that came before, and returns when the process's pipe or terminal has it.
     *
     * @throws ConnectFailure internal when that is not open, deadline_exceeded when the wait is over before
     */
    void input(byte[] data, boolean forTerminal, Deadline until, InputWait wait) {
        if (record.terminal() != forTerminal) {
            throw new ConnectFailure(
                    ConnectCode.INTERNAL,
                    forTerminal
                            ? "error writing to tty: tty not assigned to process, input should be written to stdin"
                            : "error writing to stdin: tty assigned to process, input should be written to the pty");
        }
        inTurn(until, () -> {
            if (isInputClosed()) {
                throw new ConnectFailure(ConnectCode.INTERNAL, "error writing to stdin: stdin not enabled or closed");
            }
            attach();
            for (int at = 0; at < data.length; at += ProcessStream.INPUT_MAXIMUM) {
                ByteBuffer part = ByteBuffer.wrap(data, at, Math.min(data.length - at, ProcessStream.INPUT_MAXIMUM));
                int error = exchange(stream -> stream.sendInput(part), wait);
                if (error != 0) {
                    throw new ConnectFailure(
                            ConnectCode.INTERNAL,
                            "error writing to " + (forTerminal ? "tty" : "stdin") + " of process '" + pid + "': "
                                    + (error == Errno.EPIPE.number()
                                            ? "broken pipe"
                                            : Errno.of(error).name()));
                }
            }
        });
    }

    /** @throws ConnectFailure unknown when it has a terminal; closing again is fine */
    void closeInput(Deadline until, InputWait wait) {
        if (record.terminal()) {
            throw new ConnectFailure(
                    ConnectCode.UNKNOWN,
                    "error closing stdin: cannot close stdin for PTY process — send Ctrl+D (0x04) instead");
        }
        inTurn(until, () -> {
            if (!isInputClosed()) {
                attach();
                exchange(ProcessStream::closeInput, wait);
                lock.lock();
                try {
                    inputClosed = true;
                } finally {
                    lock.unlock();
                }
            }
        });
    }

    private boolean isInputClosed() {
        lock.lock();
        try {
            return inputClosed;
        } finally {
            lock.unlock();
        }
    }

    private void inTurn(Deadline until, Runnable action) {
        try {
            if (!inputTurn.tryAcquire(until.nanosLeft(), TimeUnit.NANOSECONDS)) {
                throw new ConnectFailure(
                        ConnectCode.DEADLINE_EXCEEDED, "earlier input is still waiting for the process");
            }
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
            throw new ConnectFailure(ConnectCode.CANCELED, "interrupted");
        }
        try {
            action.run();
        } finally {
            inputTurn.release();
        }
    }

    private int exchange(Consumer<ProcessStream> send, InputWait wait) {
        CompletableFuture<Integer> answer = new CompletableFuture<>();
        ProcessStream target;
        lock.lock();
        try {
            target = stream;
            if (target == null || lost) {
                throw new ConnectFailure(ConnectCode.NOT_FOUND, "process with pid " + pid + " not found");
            }
            unanswered.add(answer);
        } finally {
            lock.unlock();
        }
        send.accept(target);
        try {
            return wait.await(answer);
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof ConnectFailure failure) {
                throw failure;
            }
            throw new BrokenStreamException("the client went away", failed);
        } catch (TimeoutException late) {
            throw new ConnectFailure(
                    ConnectCode.DEADLINE_EXCEEDED, "process " + pid + " did not take its input in time");
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
            throw new ConnectFailure(ConnectCode.CANCELED, "interrupted");
        }
    }
}
