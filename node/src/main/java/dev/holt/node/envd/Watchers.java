package dev.holt.node.envd;

import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.WatchStream;
import dev.holt.wire.connect.ConnectCode;
import dev.holt.wire.connect.ConnectFailure;
import dev.holt.wire.filesystem.FilesystemEvent;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** The watchers of one sandbox that clients poll. */
final class Watchers {
    private static final int MAXIMUM = 256;
    /** Beyond so many events that nobody fetched, nothing more is read, and at last the guest's kernel reports the loss. */
    private static final int EVENTS_MAXIMUM = 16_384;
    /** Whoever does not ask for so long has forgotten its watcher. */
    private static final Duration IDLE_MAXIMUM = Duration.ofHours(1);

    /** The guest answers in a millisecond, unless it is very busy. */
    private static final Duration SYNC_MAXIMUM = Duration.ofSeconds(5);

    private static final int ID_BYTES = 12;

    private final SecureRandom random;
    private final Map<String, Watcher> byId = new ConcurrentHashMap<>();

    Watchers(SecureRandom random) {
        this.random = random;
    }

    /** Takes the stream over and gives it a name. */
    String add(GuestAgent agent, WatchStream watch) {
        if (byId.size() >= MAXIMUM) {
            watch.close();
            throw new ConnectFailure(
                    ConnectCode.RESOURCE_EXHAUSTED, "a sandbox has at most " + MAXIMUM + " watchers: remove some");
        }
        byte[] bytes = new byte[ID_BYTES];
        random.nextBytes(bytes);
        String id = "w" + HexFormat.of().formatHex(bytes);
        Watcher watcher = new Watcher(agent, watch, () -> byId.remove(id));
        byId.put(id, watcher);
        Thread.ofVirtual().name("watcher-" + id).start(watcher::collect);
        return id;
    }

    Optional<Watcher> find(String id) {
        return Optional.ofNullable(byId.get(id));
    }

    void remove(String id) {
        Watcher watcher = byId.remove(id);
        if (watcher != null) {
            watcher.close();
        }
    }

    void removeAll() {
        byId.keySet().forEach(this::remove);
    }

    /** One of them: collects events until it is asked for them. */
    static final class Watcher {
        private final GuestAgent agent;
        private final WatchStream watch;
        private final Runnable onExpiry;
        private final ReentrantLock lock = new ReentrantLock();
        private final Condition room = lock.newCondition();
        private List<FilesystemEvent> events = new ArrayList<>();
        private long askedAt = System.nanoTime();
        private final Condition synced = lock.newCondition();
        private long asked;
        private long answered;
        private boolean closed;
        /** Nothing more is collected. */
        private boolean over;

        private @Nullable GuestFailure failure;

        Watcher(GuestAgent agent, WatchStream watch, Runnable onExpiry) {
            this.agent = agent;
            this.watch = watch;
            this.onExpiry = onExpiry;
        }

        /**
         * What happened since it was asked last, all of it up to now unless there is more than it keeps. Fails, once nothing is
         * left to tell, when it can tell no more.
         */
        List<FilesystemEvent> take() {
            lock.lock();
            try {
                askedAt = System.nanoTime();
                awaitAll();
                if (events.isEmpty() && failure != null) {
                    throw failure;
                }
                List<FilesystemEvent> taken = events;
                events = new ArrayList<>();
                room.signal();
                return taken;
            } finally {
                lock.unlock();
            }
        }

        /** Waits until the guest's kernel has told what it knew when this was called; called under the lock. */
        private void awaitAll() {
            if (over) {
                return;
            }
            try {
                watch.sync();
                long awaited = ++asked;
                long left = SYNC_MAXIMUM.toNanos();
                while (answered < awaited && !over && events.size() < EVENTS_MAXIMUM && left > 0) {
                    left = synced.awaitNanos(left);
                }
            } catch (GuestFailure broken) {
                // The collecting thread finds out the same, and may have events to tell before it does.
                return;
            } catch (InterruptedException stopping) {
                Thread.currentThread().interrupt();
            }
        }

        private void answered() {
            lock.lock();
            try {
                answered++;
                synced.signalAll();
            } finally {
                lock.unlock();
            }
        }

        void collect() {
            try {
                while (awaitRoom()) {
                    switch (watch.poll(IDLE_MAXIMUM)) {
                        case WatchStream.Event event -> add(WatchRpcs.describe(agent, event));
                        case WatchStream.Quiet quiet -> {}
                        case WatchStream.Synced told -> answered();
                        case WatchStream.Ended ended -> {
                            return;
                        }
                    }
                }
                onExpiry.run();
            } catch (GuestFailure broken) {
                lock.lock();
                try {
                    failure = broken;
                } finally {
                    lock.unlock();
                }
            } finally {
                over();
                watch.close();
            }
        }

        private void over() {
            lock.lock();
            try {
                over = true;
                synced.signalAll();
            } finally {
                lock.unlock();
            }
        }

        /** False when nobody has asked for too long. */
        private boolean awaitRoom() {
            lock.lock();
            try {
                while (!closed && System.nanoTime() - askedAt < IDLE_MAXIMUM.toNanos()) {
                    if (events.size() < EVENTS_MAXIMUM) {
                        return true;
                    }
                    room.awaitNanos(IDLE_MAXIMUM.toNanos());
                }
                return false;
            } catch (InterruptedException stopping) {
                Thread.currentThread().interrupt();
                return false;
            } finally {
                lock.unlock();
            }
        }

        private void add(FilesystemEvent event) {
            lock.lock();
            try {
                events.add(event);
                if (events.size() == EVENTS_MAXIMUM) {
                    synced.signalAll();
                }
            } finally {
                lock.unlock();
            }
        }

        void close() {
            lock.lock();
            try {
                closed = true;
                room.signal();
            } finally {
                lock.unlock();
            }
            watch.close();
        }
    }
}
