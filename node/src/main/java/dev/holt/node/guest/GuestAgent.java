package dev.holt.node.guest;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The agent of one sandbox, spoken to as guest-agent/PROTOCOL.md says. Safe for use by many threads; unary calls share a few
 * pooled connections, every stream has its own while it lasts. Closing it closes all of them; the guest goes on. Every method
 * blocks and fails with {@link GuestFailure}; paths are relative to the named user's home unless absolute.
 */
public final class GuestAgent implements AutoCloseable {
    /** The port that the agent listens on. */
    public static final int PORT = 49982;

    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(60);
    /** For what works through a tree or waits for a disk. */
    private static final Duration LONG_TIMEOUT = Duration.ofMinutes(15);

    /** How long the agent keeps what happens for a stream that is held; it counts only while the guest runs. */
    private static final int DETACHED_SECONDS = 30;

    private static final Duration DETACH_CONNECT = Duration.ofSeconds(2);

    private static final Duration EAGER_STEP = Duration.ofMillis(1);
    private static final Duration PATIENT_STEP = Duration.ofMillis(10);
    private static final Duration EAGER_TIME = Duration.ofMillis(500);
    private static final Duration READY_CONNECT_MAXIMUM = Duration.ofMillis(250);

    private final InetSocketAddress address;
    private final ConnectionPool pool;
    private final Standstill standstill = new Standstill();
    private final Optional<OutsideAttributes> outside;

    /** Connects nothing yet: the first call does. */
    public GuestAgent(InetSocketAddress address, AgentToken token) {
        this(address, token, Optional.empty());
    }

    /**
     * As the other.
     *
     * @param outside asked too, where it is there, for the attributes of files
     */
    public GuestAgent(InetSocketAddress address, AgentToken token, Optional<OutsideAttributes> outside) {
        this.outside = outside;
        this.address = address;
        this.pool = new ConnectionPool(address, token);
    }

    /** Where it listens. */
    public InetSocketAddress address() {
        return address;
    }

    /**
     * Returns once the agent answers, leaving a connection ready for the next request.
     *
     * @throws GuestUnreachable when it did not within {@code patience}
     * @throws GuestFailure EACCES when it answers but refuses the token
     */
    public void awaitReady(Duration patience) {
        long start = System.nanoTime();
        for (; ; ) {
            Duration left = patience.minusNanos(System.nanoTime() - start);
            Duration limit = left.compareTo(READY_CONNECT_MAXIMUM) < 0 ? left : READY_CONNECT_MAXIMUM;
            try {
                AgentConnection connection = pool.connect(limit);
                Duration answer = left.compareTo(Duration.ofMillis(1)) < 0 ? Duration.ofMillis(1) : left;
                exchange(connection, new FrameBuilder().frame(FrameType.PING).build(), FrameType.OK, answer);
                return;
            } catch (GuestUnreachable notYet) {
                Duration spent = Duration.ofNanos(System.nanoTime() - start);
                if (spent.compareTo(patience) >= 0) {
                    throw notYet;
                }
                sleep(spent.compareTo(EAGER_TIME) < 0 ? EAGER_STEP : PATIENT_STEP);
            }
        }
    }

    private static void sleep(Duration step) {
        try {
            Thread.sleep(step);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new GuestUnreachable("interrupted while waiting for the guest agent");
        }
    }

    /** Whether it answers. */
    public void ping() {
        call(Request.repeatable(FrameType.PING), FrameType.OK, ANSWER_TIMEOUT);
    }

    /** A user of the guest. ENOKEY when there is none of that name. */
    public GuestUser user(String name) {
        return call(
                Request.repeatable(FrameType.USER).text(name), FrameType.USER_INFO, ANSWER_TIMEOUT, GuestUser::decode);
    }

    /** What is at a path, symlinks not followed. */
    public GuestEntry stat(String user, String path) {
        return call(
                Request.repeatable(FrameType.STAT).text(user).text(path),
                FrameType.ENTRY,
                ANSWER_TIMEOUT,
                GuestAgent::entry);
    }

    /** Makes a directory with its parents. EEXIST when it is there, ENOTDIR when something else is. */
    public GuestEntry makeDirectory(String user, String path) {
        return call(
                Request.once(FrameType.MKDIR).text(user).text(path),
                FrameType.ENTRY,
                ANSWER_TIMEOUT,
                GuestAgent::entry);
    }

    /** Renames; missing parents of the destination are made. */
    public GuestEntry move(String user, String source, String destination) {
        return call(
                Request.once(FrameType.MOVE).text(user).text(source).text(destination),
                FrameType.ENTRY,
                LONG_TIMEOUT,
                GuestAgent::entry);
    }

    /** Removes whatever is there with all below. ENOENT when nothing is. */
    public void remove(String user, String path) {
        call(Request.once(FrameType.REMOVE).text(user).text(path), FrameType.OK, LONG_TIMEOUT);
    }

    /** Joins files into one and removes them. */
    public GuestEntry compose(String user, List<String> sources, String destination) {
        Request request = Request.once(FrameType.COMPOSE).text(user);
        request.frame().texts(sources).text(destination);
        return call(request, FrameType.ENTRY, LONG_TIMEOUT, GuestAgent::entry);
    }

    /** What the guest uses; the disk is that of the file system at {@code path}. */
    public GuestMetrics metrics(String path) {
        return call(
                Request.repeatable(FrameType.METRICS).text(path),
                FrameType.METRICS_INFO,
                ANSWER_TIMEOUT,
                GuestMetrics::decode);
    }

    /** Writes everything to the guest's disk. */
    public void sync() {
        call(Request.repeatable(FrameType.SYNC), FrameType.OK, LONG_TIMEOUT);
    }

    /**
     * Tells a guest who and when it is.
     *
     * @param hostname empty leaves it
     * @param now {@link Instant#EPOCH} leaves the clock
     * @param entropy mixed into the guest's random pool
     */
    public void identify(String hostname, Instant now, byte[] entropy) {
        call(identity(hostname, now, entropy), FrameType.OK, ANSWER_TIMEOUT);
    }

    /**
     * As the other, and lets the agent demand another token from now on: to be told to every guest that was restored from an image,
     * before anything else. This agent's connections use it then. The streams of processes that were held when the image was made,
     * and that nobody takes up, are drained again.
     *
     * @throws GuestFailure when any of it failed; the old token is good still, as far as can be told
     */
    public void identify(String hostname, Instant now, byte[] entropy, AgentToken next) {
        Request request = identity(hostname, now, entropy);
        request.frame().raw(HexFormat.of().parseHex(next.hex()));
        ByteBuffer bytes = request.frame.build();
        AgentConnection connection = pool.connect(ANSWER_TIMEOUT);
        try {
            exchange(connection, bytes, FrameType.OK, ANSWER_TIMEOUT);
            pool.token(next);
        } catch (GuestUnreachable unheard) {
            AgentToken former = pool.token(next);
            try {
                // Its OK may be all that was lost.
                exchange(pool.connect(ANSWER_TIMEOUT), bytes.rewind(), FrameType.OK, ANSWER_TIMEOUT);
            } catch (GuestFailure refused) {
                pool.token(former);
                throw unheard;
            }
        }
    }

    private static Request identity(String hostname, Instant now, byte[] entropy) {
        Request request = Request.repeatable(FrameType.IDENTITY).text(hostname);
        long nanoseconds = Math.addExact(Math.multiplyExact(now.getEpochSecond(), 1_000_000_000L), now.getNano());
        request.frame().u64(nanoseconds).bytes(entropy);
        return request;
    }

    /** The processes that START made and nobody collected. */
    public List<GuestProcess> processes() {
        return call(
                Request.repeatable(FrameType.PROCESSES),
                FrameType.PROCESS_LIST,
                ANSWER_TIMEOUT,
                GuestProcess::decodeList);
    }

    /** Signals a process that START made, or its whole group. ESRCH when there is none such. */
    public void signal(int pid, int signal, boolean group) {
        Request request = Request.once(FrameType.SIGNAL);
        request.frame().u32(pid).u32(signal).bool(group);
        call(request, FrameType.OK, ANSWER_TIMEOUT);
    }

    /** Sets the size of a process's terminal. ENOTTY when it has none. */
    public void resize(int pid, int columns, int rows) {
        Request request = Request.repeatable(FrameType.RESIZE);
        request.frame().u32(pid).u16(columns).u16(rows);
        call(request, FrameType.OK, ANSWER_TIMEOUT);
    }

    /** Hands each thing in a directory to {@code entries}, parents first, the directory itself not. */
    public void list(String user, String path, int depth, Consumer<GuestEntry> entries) {
        AgentConnection connection = pool.take();
        boolean unary = false;
        try {
            FrameBuilder request = new FrameBuilder().frame(FrameType.LIST);
            connection.send(request.text(user).text(path).u32(depth).build());
            for (; ; ) {
                Frame frame = connection.receive(ANSWER_TIMEOUT);
                if (frame.type() == FrameType.END || frame.type() == FrameType.ERROR) {
                    unary = true;
                    frame.expect(FrameType.END);
                    return;
                }
                entries.accept(entry(frame.expect(FrameType.ENTRY).payload()));
            }
        } finally {
            release(connection, unary);
        }
    }

    /**
     * Opens a file for reading and asks for its first {@code first} bytes at once, which saves a round trip.
     *
     * @param first 0 asks for none
     */
    public FileSource open(String user, String path, long first) {
        AgentConnection connection = pool.take();
        boolean done = false;
        try {
            FileSource source = FileSource.open(pool, connection, user, path, first);
            done = true;
            return source;
        } finally {
            if (!done) {
                connection.close();
            }
        }
    }

    /** Begins to write a file; what the guest thinks of it is told by the first call of the sink that must wait. */
    public FileSink write(FileSink.Target target) {
        return new FileSink(pool, pool.take(), target);
    }

    /** The attributes of an entry, in the {@code user.} namespace, wherever they are kept. */
    public List<GuestEntry.Attribute> attributes(GuestEntry entry) {
        boolean canHaveSome = entry.type() == GuestEntry.Type.FILE || entry.type() == GuestEntry.Type.DIRECTORY;
        return outside.isPresent() && canHaveSome && entry.attributes().isEmpty()
                ? outside.get().of(entry.path())
                : entry.attributes();
    }

    /** To be told of each file that was written, with the attributes that it was to get: keeps them where the guest can't. */
    public void keepAttributes(String path, String prefix, List<GuestEntry.Attribute> attributes) {
        outside.ifPresent(keeper -> keeper.replace(path, prefix, attributes));
    }

    /** Watches a directory. */
    public WatchStream watch(String user, String path, boolean recursive, boolean entries, boolean networkMounts) {
        FrameBuilder request = new FrameBuilder().frame(FrameType.WATCH);
        request.text(user).text(path).bool(recursive).bool(entries).bool(networkMounts);
        return stream(request, FrameType.OK, (connection, answer) -> new WatchStream(pool, connection));
    }

    /** Starts a process and stays connected with it. */
    public ProcessStream start(StartProcess process) {
        return stream(
                process.encode(),
                FrameType.STARTED,
                (connection, answer) -> new ProcessStream(pool, connection, answer));
    }

    /** Makes a connection for the next request ahead of it, if none is idle; returns at once and never fails. */
    public void prepare() {
        pool.prepare();
    }

    /** Takes a process over from whatever connection has it. ESRCH when it is unknown. */
    public ProcessStream attach(int pid, long startId) {
        FrameBuilder request =
                new FrameBuilder().frame(FrameType.ATTACH).u32(pid).u64(startId);
        return stream(request, FrameType.STARTED, (connection, answer) -> new ProcessStream(pool, connection, answer));
    }

    private interface StreamMaker<T> {
        T make(AgentConnection connection, Frame answer);
    }

    private <T extends AgentStream> T stream(FrameBuilder request, int expected, StreamMaker<T> maker) {
        ByteBuffer bytes = request.build();
        AgentConnection connection = pool.take();
        boolean unary = false;
        boolean streaming = false;
        try {
            try {
                connection.send(bytes);
            } catch (GuestUnreachable stale) {
                if (!connection.reused() || connection.requestStarted()) {
                    throw stale;
                }
                connection = pool.connect(ANSWER_TIMEOUT);
                connection.send(bytes.rewind());
            }
            Frame answer = connection.receive(ANSWER_TIMEOUT);
            unary = answer.type() == FrameType.ERROR;
            T stream = maker.make(connection, answer.expect(expected));
            stream.register();
            streaming = true;
            return stream;
        } finally {
            if (!streaming) {
                release(connection, unary);
            }
        }
    }

    /** A request of one frame, and whether it does no harm when it is executed twice. */
    private record Request(FrameBuilder frame, boolean harmless) {
        static Request repeatable(int type) {
            return new Request(new FrameBuilder().frame(type), true);
        }

        static Request once(int type) {
            return new Request(new FrameBuilder().frame(type), false);
        }

        Request text(String value) {
            frame.text(value);
            return this;
        }
    }

    private static GuestEntry entry(Payload payload) {
        GuestEntry entry = GuestEntry.decode(payload);
        payload.end();
        return entry;
    }

    private void call(Request request, int expected, Duration timeout) {
        call(request, expected, timeout, payload -> {
            payload.end();
            return expected;
        });
    }

    private <T> T call(Request request, int expected, Duration timeout, Function<Payload, T> decoder) {
        ByteBuffer bytes = request.frame.build();
        AgentConnection connection = pool.take();
        Frame answer;
        try {
            answer = exchange(connection, bytes, expected, timeout);
        } catch (GuestUnreachable broken) {
            // Only a connection from before may have died unnoticed, and only what was not or may be executed twice is
            // repeated.
            if (!connection.reused() || (connection.requestStarted() && !request.harmless)) {
                throw broken;
            }
            answer = exchange(pool.connect(timeout), bytes.rewind(), expected, timeout);
        }
        return decoder.apply(answer.payload());
    }

    private Frame exchange(AgentConnection connection, ByteBuffer request, int expected, Duration timeout) {
        boolean answered = false;
        try {
            connection.send(request);
            Frame answer = connection.receive(timeout);
            answered = answer.type() == expected || answer.type() == FrameType.ERROR;
            return answer.expect(expected);
        } finally {
            release(connection, answered);
        }
    }

    private void release(AgentConnection connection, boolean unary) {
        if (unary) {
            pool.giveBack(connection);
        } else {
            connection.close();
        }
    }

    /** Closes connections that nobody uses at the moment. */
    public void closeIdle() {
        pool.closeIdle();
    }

    /**
     * Brings everything to rest before a checkpoint: whoever asks something from now on waits; what was asked is waited for; streams
     * become quiet, behind everything that the agent had to say. When this returns there is no connection to the agent. What is not
     * over in time is broken off; an agent that does not answer is no failure.
     *
     * @param patience for requests and transfers of files that are under way, and then once more for the streams, which need a
     *     millisecond
     */
    public void hold(Duration patience) {
        rest(patience, Optional.empty(), DETACHED_SECONDS);
    }

    /**
     * As {@link #hold}, for good or until {@link #release}: whoever asks something fails at once, and so do the streams once they have
     * told everything, all of them with {@link GuestCutOff}.
     *
     * @param reason for the clients: "sandbox isomething is paused" for example
     */
    public void cutOff(String reason, Duration patience) {
        rest(patience, Optional.of(reason), 0);
    }

    /** Lets everything go on that was held or cut off: the same guest, or the same that was restored at the same address. */
    public void release() {
        standstill.end();
        for (AgentStream stream : pool.release()) {
            Thread.ofVirtual().name("taking up a stream").start(stream::takeUp);
        }
    }

    /** From now on {@code companion} is told before the guest is held or cut off. */
    public void join(Companion companion) {
        standstill.join(companion);
    }

    /** It is not any more. */
    public void leave(Companion companion) {
        standstill.leave(companion);
    }

    /** Whether connections into the guest may be made; asked while something is locked that {@link Companion#rest} locks, too. */
    public boolean isMoving() {
        return standstill.isMoving();
    }

    /**
     * Returns when connections into the guest may be made.
     *
     * @throws GuestCutOff while it is cut off
     * @throws GuestUnreachable when this client was closed
     */
    public void awaitMoving() throws InterruptedException {
        standstill.await();
    }

    private void rest(Duration patience, Optional<String> cutOff, int seconds) {
        standstill.begin(cutOff);
        List<AgentStream> streams = pool.hold(patience, cutOff);
        if (streams.isEmpty()) {
            return;
        }
        try (AgentConnection connection = pool.open(DETACH_CONNECT)) {
            streams.forEach(stream -> stream.beginDetaching(connection, seconds));
        } catch (GuestUnreachable mute) {
            streams.forEach(stream -> stream.breakOff(mute.text()));
        }
        long deadline = System.nanoTime() + patience.toNanos();
        streams.forEach(stream -> stream.awaitDetached(deadline));
        pool.becameQuiet();
    }

    @Override
    public void close() {
        standstill.close();
        pool.close();
    }
}
