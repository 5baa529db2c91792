package dev.holt.node;

import dev.holt.node.image.RootFileSystem;
import dev.holt.node.image.TemplateImage;
import dev.holt.node.logs.SandboxEvents;
import dev.holt.node.logs.SandboxLog;
import dev.holt.node.metrics.MetricFile;
import dev.holt.node.metrics.Sampler;
import dev.holt.node.pool.Lease;
import dev.holt.node.pool.Leases;
import dev.holt.node.snapshot.PauseStore;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One sandbox from the moment it is ready until nothing of it is left. Its root file system is its own for all that time; the instance
 * that runs on it comes and goes with pauses. Everything that changes it, whether a claim, a pause, a new deadline or an end,
 * holds its one lock to its end, so that of a kill, a crash and a deadline at the same moment one does the work and the others find
 * it done.
 */
final class Sandbox implements Lease, Sampler.Target {
    private static final Logger log = LoggerFactory.getLogger(Sandbox.class);

    /**
     * What of it stays the same.
     *
     * @param image the layers below its disk
     * @param directory its own
     * @param guestMemoryIsOwn see {@link dev.holt.node.runtime.RuntimeCapabilities}
     * @param changed told of each new status, under the lock
     */
    record Frame(
            TemplateImage image,
            Path directory,
            RootFileSystem root,
            boolean guestMemoryIsOwn,
            Journal journal,
            SandboxLog story,
            SandboxEvents events,
            Clock clock,
            Consumer<SandboxStatus> changed) {}

    private final Frame frame;
    private final PauseStore pauses;
    private final MetricFile metrics;
    private final Turns turns = new Turns(this);
    private final LiveGuest guest;
    private volatile JournalEntry entry;
    private volatile Capacity.@Nullable Promise promise;
    private volatile int failedPauses;
    private volatile boolean unwritten;
    private volatile @Nullable Instant copyAt;

    /** A sandbox that is in {@code entry}'s phase; one that is somebody's and runs is given its {@code promise}. */
    Sandbox(Frame frame, JournalEntry entry, Optional<Body> body, Optional<Capacity.Promise> promise) {
        this.frame = frame;
        this.entry = entry;
        this.pauses = new PauseStore(frame.directory());
        this.metrics = new MetricFile(frame.directory().resolve("metrics"));
        promise.ifPresent(room -> this.promise = room);
        this.guest = new LiveGuest(this, body);
    }

    SandboxId id() {
        return entry.id();
    }

    SandboxKind kind() {
        return entry.kind();
    }

    Phase phase() {
        return entry.state();
    }

    JournalEntry entry() {
        return entry;
    }

    Frame frame() {
        return frame;
    }

    RootFileSystem root() {
        return frame.root();
    }

    PauseStore pauses() {
        return pauses;
    }

    /** Whose turn it is to change it. */
    Turns turns() {
        return turns;
    }

    /** What runs of it, if anything does. */
    LiveGuest guest() {
        return guest;
    }

    /** Its status if it is somebody's and was not ended. */
    Optional<SandboxStatus> status() {
        return entry.status();
    }

    MetricFile metrics() {
        return metrics;
    }

    // ---- changes, all under the lock --------------------------------------------------------------------------------

    /** Writes what it is now to the journal and tells it. */
    void become(JournalEntry next) {
        requireMove(next);
        frame.journal().write(next);
        entry = next;
        unwritten = false;
        next.status().ifPresent(frame.changed());
    }

    /**
     * As {@link #become}, for where a failed flow ends: it must end there even when the disk is full. What could not be written is
     * written later, see {@link #writeUnwritten}; a daemon that dies meanwhile finds the flow unfinished and ends it the same way.
     */
    void settle(JournalEntry next) {
        requireMove(next);
        entry = next;
        unwritten = true;
        writeUnwritten();
        next.status().ifPresent(frame.changed());
    }

    /** Tries again what {@link #settle} could not write. */
    void writeUnwritten() {
        if (unwritten) {
            try {
                frame.journal().writeDurably(entry);
                unwritten = false;
            } catch (RuntimeException e) {
                log.error("that sandbox {} is {} could not be noted, will try again", id(), phase(), e);
            }
        }
    }

    boolean isUnwritten() {
        return unwritten;
    }

    /** As {@link #become}, and a stop of the host does not undo it. */
    void becomeDurably(JournalEntry next) {
        requireMove(next);
        frame.journal().writeDurably(next);
        entry = next;
        next.status().ifPresent(frame.changed());
    }

    /** Notes a detail of the present phase that nobody else is told of. */
    void note(JournalEntry next) {
        if (next.state() != phase()) {
            throw new IllegalArgumentException("a note does not move");
        }
        frame.journal().write(next);
        entry = next;
    }

    private void requireMove(JournalEntry next) {
        Phase from = phase();
        if (next.state() != from && !from.mayBecome(next.state())) {
            throw new IllegalStateException(
                    "sandbox " + id() + " can't go from " + from.words() + " to " + next.state());
        }
    }

    /** Its room goes back to the node. */
    void giveRoomBack() {
        Capacity.Promise room = promise;
        if (room != null) {
            room.close();
            promise = null;
        }
    }

    Optional<Capacity.Promise> room() {
        return Optional.ofNullable(promise);
    }

    /** From now on {@code running} is what runs, and clients reach it. */
    void take(Body running, Capacity.Promise room) {
        promise = room;
        guest.take(running);
    }

    void event(SandboxEvent.Type type, String message, Map<String, String> fields) {
        frame.events().add(type, message, fields);
    }

    void story(LogEntry.Level level, String message, Map<String, String> fields) {
        frame.story().write(level, message, fields);
    }

    // ---- the flows that are short -----------------------------------------------------------------------------------

    /**
     * Makes a warm sandbox somebody's. When it fails the sandbox is spoilt: close it.
     *
     * @param room held from now on until the sandbox ends
     * @param started told before anybody can end it
     * @return false when it died while it was warm; nothing was changed then
     */
    boolean claim(
            JournalEntry.Claim claim, Capacity.Promise room, FlowStep.Listener steps, Consumer<SandboxStatus> started) {
        return turns.take(() -> {
            Optional<Body> waiting = guest.body();
            if (phase() != Phase.WARM
                    || waiting.isEmpty()
                    || !waiting.get().instance().alive()) {
                return false;
            }
            Body warm = waiting.get();
            warm.instance().thaw();
            JournalEntry next = entry.claimed(claim, frame.clock().instant());
            steps.taken(CreateStep.CLAIM, id());
            warm.slot().restrict(claim.network());
            steps.taken(CreateStep.POLICY, id());
            frame.journal().write(next);
            steps.taken(CreateStep.JOURNAL, id());
            entry = next;
            promise = room;
            guest.take(warm);
            story(LogEntry.Level.INFO, "sandbox started", Map.of());
            next.status().ifPresent(started);
            return true;
        });
    }

    /**
     * Lets a warm sandbox get ready for what its owner will do first, then stops it where it is until it is claimed: gVisor's sentry needs
     * CPU time even while its guest does nothing.
     */
    void rest(WarmUp warmUp) {
        Body body = guest.running();
        body.held().add(warmUp.warm(id(), body.agent()));
        body.instance().freeze();
    }

    /**
     * Moves its deadline.
     *
     * @return false when it is not running
     */
    boolean setDeadline(Instant deadline, Duration timeout) {
        if (phase() != Phase.RUNNING) {
            return false;
        }
        become(entry.with().until(deadline, timeout).entry());
        failedPauses = 0;
        return true;
    }

    /**
     * Ends it; when this returns nothing of it runs. Calling again after a failure tries again. Wins over everything that holds the
     * lock, at that one's next step.
     *
     * @param condition asked under the lock, for what may have changed while waiting for it
     * @return whether this call ended it; false when it had ended or the condition did not hold
     */
    boolean stop(EndReason reason, Predicate<Sandbox> condition) {
        if (reason == EndReason.KILLED) {
            turns.wantEnd();
        }
        return turns.take(() -> {
            if (phase() == Phase.ENDED || !condition.test(this)) {
                return false;
            }
            if (phase() != Phase.ENDING) {
                JournalEntry next = entry.ending(reason);
                try {
                    // So that a daemon that dies now tells the true reason after its restart.
                    frame.journal().write(next);
                } catch (RuntimeException e) {
                    log.warn("the end of sandbox {} could not be noted, it is ended all the same", id(), e);
                }
                entry = next;
            }
            guest.kill();
            entry = entry.with().phase(Phase.ENDED).entry();
            giveRoomBack();
            if (entry.claim().isPresent()) {
                story(
                        LogEntry.Level.INFO,
                        "sandbox ended",
                        Map.of("reason", endReason().name()));
            }
            return true;
        });
    }

    /** Why it ended or is being ended. */
    EndReason endReason() {
        return entry.ending().orElseThrow(() -> new IllegalStateException("sandbox " + id() + " is not being ended"));
    }

    /** Whether its deadline has come. */
    boolean expired(Instant now) {
        return entry.claim().map(claim -> !claim.deadline().isAfter(now)).orElse(false);
    }

    /** Notes that a pause at its deadline failed: it runs on for a while, longer with each failure. */
    Instant pauseFailed(Instant now, Duration shortest, Duration longest) {
        Duration wait = shortest.multipliedBy(1L << Math.min(failedPauses, 10));
        failedPauses++;
        Instant next = now.plus(wait.compareTo(longest) > 0 ? longest : wait);
        settle(entry.with().until(next, entry.owner().lifecycle().timeout()).entry());
        return next;
    }

    void pauseSucceeded() {
        failedPauses = 0;
    }

    /** Asks for {@link Pausing#keepCopy} from then on. */
    void copyAt(Instant when) {
        copyAt = when;
    }

    /** Whether a copy was asked for and is due; asked once. */
    boolean takeCopyDue(Instant now) {
        Instant due = copyAt;
        if (due == null || now.isBefore(due)) {
            return false;
        }
        copyAt = null;
        return true;
    }

    /** Frees slot, root file system and directory of a sandbox that was stopped, and forgets it. */
    void release() {
        Leases all = new Leases();
        all.add(() -> frame.journal().remove(id()));
        all.add(frame.root());
        guest.body().ifPresent(last -> all.add(last.held()));
        try {
            all.close();
        } catch (RuntimeException e) {
            log.error("something of sandbox {} could not be freed; the next start of the node tries again", id(), e);
        }
    }

    /** Ends and frees it, when it never became anybody's or its create failed. */
    @Override
    public void close() {
        if (stop(EndReason.ORPHANED, sandbox -> true)) {
            release();
        }
    }

    @Override
    public void takeSample() {
        guest.sample().ifPresent(sample -> {
            if (phase() == Phase.RUNNING) {
                metrics.append(sample);
            }
        });
    }

    @Override
    public String toString() {
        return id() + " (" + phase().words() + ")";
    }
}
