package dev.holt.node;

import dev.holt.node.envd.EnvdSandbox;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.image.TemplateImage;
import dev.holt.node.logs.SandboxLog;
import dev.holt.node.metrics.MetricFile;
import dev.holt.node.metrics.Sampler;
import dev.holt.node.metrics.UsageProbe;
import dev.holt.node.network.Slot;
import dev.holt.node.pool.Lease;
import dev.holt.node.pool.Leases;
import dev.holt.node.runtime.RuntimeInstance;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One sandbox from the moment it is ready until nothing of it is left. Everything that changes it, whether a claim, a new
 * deadline or an end, holds its one lock to its end, so that of a kill, a crash and a deadline at the same moment one does the
 * work and the others find it done.
 */
final class Sandbox implements Lease, Sampler.Target {
    private static final Logger log = LoggerFactory.getLogger(Sandbox.class);

    /**
     * What a sandbox consists of.
     *
     * @param held every lease of it, the instance's included
     * @param directory its own
     * @param guestMemoryIsOwn see {@link dev.holt.node.runtime.RuntimeCapabilities}
     */
    record Body(
            RuntimeInstance instance,
            Slot slot,
            GuestAgent agent,
            TemplateImage image,
            boolean guestMemoryIsOwn,
            Path directory,
            Leases held) {}

    /** What exists once somebody owns it. */
    private record Owned(EnvdSandbox envd, UsageProbe probe, MetricFile metrics, Lease capacity) {}

    private final Body body;
    private final Journal journal;
    private final SandboxLog story;
    private final Clock clock;
    private final GuestSockets sockets = new GuestSockets();

    private final ReentrantLock lock = new ReentrantLock();
    private volatile SandboxState state;
    private volatile JournalEntry entry;
    private volatile @Nullable Owned owned;
    private boolean dead;

    /** A sandbox that is in {@code entry}'s state; a running one is given its {@code capacity}. */
    Sandbox(Body body, JournalEntry entry, Journal journal, SandboxLog story, Clock clock, Optional<Lease> capacity) {
        this.body = body;
        this.journal = journal;
        this.story = story;
        this.clock = clock;
        this.entry = entry;
        this.state = entry.state();
        capacity.ifPresent(lease -> this.owned = own(entry, lease));
    }

    SandboxId id() {
        return entry.id();
    }

    SandboxKind kind() {
        return entry.kind();
    }

    SandboxState state() {
        return state;
    }

    /** Its status if it is somebody's and was not ended. */
    Optional<SandboxStatus> status() {
        JournalEntry now = entry;
        return state == SandboxState.RUNNING ? Optional.of(now.status()) : Optional.empty();
    }

    Optional<EnvdSandbox> envd() {
        Owned now = owned;
        return state == SandboxState.RUNNING && now != null ? Optional.of(now.envd()) : Optional.empty();
    }

    Optional<MetricFile> metrics() {
        Owned now = owned;
        return now == null ? Optional.empty() : Optional.of(now.metrics());
    }

    /** Who asked for it, to recognise the request when it comes again. */
    Optional<JournalEntry.Claim> claim() {
        return entry.claim();
    }

    /** Whether somebody is changing it this moment. */
    boolean busy() {
        return lock.isLocked();
    }

    /** Blocks until its first process has ended. */
    void awaitEnd() throws InterruptedException {
        body.instance().awaitEnd();
    }

    /**
     * Makes a warm sandbox somebody's. When it fails the sandbox is spoilt: close it.
     *
     * @param capacity held from now on until the sandbox ends
     * @param started told before anybody can end it
     * @return false when it died while it was warm; nothing was changed then
     */
    boolean claim(
            JournalEntry.Claim claim, Lease capacity, CreateStep.Listener steps, Consumer<SandboxStatus> started) {
        lock.lock();
        try {
            if (dead || state != SandboxState.WARM || !body.instance().alive()) {
                return false;
            }
            body.instance().thaw();
            JournalEntry next = entry.claimed(claim, clock.instant());
            steps.taken(CreateStep.CLAIM, id());
            body.slot().restrict(claim.network());
            steps.taken(CreateStep.POLICY, id());
            journal.write(next);
            steps.taken(CreateStep.JOURNAL, id());
            owned = own(next, capacity);
            entry = next;
            move(SandboxState.RUNNING);
            story.write(LogEntry.Level.INFO, "sandbox started", Map.of());
            started.accept(next.status());
            return true;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Lets a warm sandbox get ready for what its owner will do first, then stops it where it is until it is claimed: gVisor's sentry needs
     * CPU time even while its guest does nothing.
     */
    void rest(WarmUp warmUp) {
        body.held().add(warmUp.warm(id(), body.agent()));
        body.instance().freeze();
    }

    /** Moves its deadline; false when it is not running. */
    boolean setDeadline(Instant deadline) {
        lock.lock();
        try {
            if (state != SandboxState.RUNNING) {
                return false;
            }
            JournalEntry next = entry.withDeadline(deadline);
            journal.write(next);
            entry = next;
            return true;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Ends it; when this returns nothing of it runs. Calling again after a failure tries again.
     *
     * @param condition asked under the lock, for what may have changed while waiting for it
     * @return whether this call ended it; false when it had ended or the condition did not hold
     */
    boolean stop(EndReason reason, Predicate<Sandbox> condition) {
        lock.lock();
        try {
            if (state == SandboxState.ENDED || !condition.test(this)) {
                return false;
            }
            if (state != SandboxState.ENDING) {
                entry = entry.ending(reason);
                try {
                    // So that a daemon that dies now tells the true reason after its restart.
                    journal.write(entry);
                } catch (RuntimeException e) {
                    log.warn("the end of sandbox {} could not be noted, it is ended all the same", id(), e);
                }
            }
            move(SandboxState.ENDING);
            body.agent().close();
            sockets.breakAll();
            body.instance().close();
            move(SandboxState.ENDED);
            Owned last = owned;
            if (last != null) {
                last.capacity().close();
                story.write(
                        LogEntry.Level.INFO,
                        "sandbox ended",
                        Map.of("reason", endReason().name()));
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Why it ended or is being ended. */
    EndReason endReason() {
        return entry.ending().orElseThrow(() -> new IllegalStateException("sandbox " + id() + " is not being ended"));
    }

    /** Whether its deadline has come. */
    boolean expired(Instant now) {
        return entry.claim().map(claim -> !claim.deadline().isAfter(now)).orElse(false);
    }

    /**
     * Notes that its first process has ended by itself.
     *
     * @return its state at that moment; a warm one will not be claimed any more
     */
    SandboxState died() {
        lock.lock();
        try {
            dead = true;
            return state;
        } finally {
            lock.unlock();
        }
    }

    /** Frees slot, root file system and directory of a sandbox that was stopped, and forgets it. */
    void release() {
        try {
            body.held().close();
        } catch (RuntimeException e) {
            log.error("something of sandbox {} could not be freed; the next start of the node tries again", id(), e);
        }
    }

    /** Lets go of a sandbox that runs on without this daemon. */
    void leave() {
        body.agent().close();
        sockets.breakAll();
    }

    /** Ends and frees it, when it never became anybody's or its create failed. */
    @Override
    public void close() {
        if (stop(EndReason.ORPHANED, sandbox -> true)) {
            release();
        }
    }

    /** Opens a connection to one of its ports. */
    Socket connect(int port) throws IOException {
        return sockets.connect(new InetSocketAddress(body.slot().guestAddress(), port));
    }

    @Override
    public void takeSample() {
        Owned now = owned;
        if (state == SandboxState.RUNNING && now != null) {
            MetricSample sample = now.probe().sample();
            if (state == SandboxState.RUNNING) {
                now.metrics().append(sample);
            }
        }
    }

    private Owned own(JournalEntry claimed, Lease capacity) {
        JournalEntry.Claim claim = claimed.claim().orElseThrow();
        UsageProbe probe = new UsageProbe(
                claimed.kind().resources(),
                body.guestMemoryIsOwn(),
                body.instance()::usage,
                () -> body.agent().metrics("/"),
                clock,
                System::nanoTime);
        EnvdSandbox envd = new EnvdSandbox(
                claimed.id(),
                body.agent(),
                claim.accessToken(),
                claim.environment(),
                body.image().defaultUser(),
                body.image().defaultWorkingDirectory(),
                story,
                probe::sample);
        return new Owned(envd, probe, new MetricFile(body.directory().resolve("metrics")), capacity);
    }

    private void move(SandboxState next) {
        if (!state.mayBecome(next)) {
            throw new IllegalStateException("sandbox " + id() + " can't go from " + state + " to " + next);
        }
        state = next;
    }

    @Override
    public String toString() {
        return id() + " (" + state + ")";
    }
}
