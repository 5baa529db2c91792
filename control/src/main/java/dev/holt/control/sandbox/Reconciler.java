package dev.holt.control.sandbox;

import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps rows in step with the node, which owns what runs. It hears changes and ends as they happen and writes them from one
 * virtual thread, many in a transaction; on start and every minute it compares both sides, because a report may have been missed.
 */
final class Reconciler implements NodeListener, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Reconciler.class);
    private static final Duration RETRY = Duration.ofSeconds(1);

    private final Node node;
    private final SandboxStore store;
    private final Quotas quotas;
    private final Clock clock;
    private final LinkedBlockingQueue<SandboxStore.End> ends = new LinkedBlockingQueue<>();
    private final LinkedBlockingQueue<SandboxId> changes = new LinkedBlockingQueue<>();
    private final ReentrantLock draining = new ReentrantLock();
    private final Map<SandboxId, SandboxStore.Condition> heard = new ConcurrentHashMap<>();
    private final Node.Subscription subscription;
    private final ScheduledThreadPoolExecutor writer = new ScheduledThreadPoolExecutor(
            1, Thread.ofVirtual().name("control-sandbox-ends").factory());

    /** Subscribes and compares; when this returns, rows and quotas say what runs. */
    Reconciler(Node node, SandboxStore store, Quotas quotas, Clock clock) {
        this.node = node;
        this.store = store;
        this.quotas = quotas;
        this.clock = clock;
        // Subscribe first: what ends while we compare is heard.
        this.subscription = node.subscribe(this);
        try {
            node.list().forEach(quotas::follow);
            compare(Duration.ZERO);
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    @Override
    public void started(SandboxStatus sandbox) {
        // The create that was answered records it.
    }

    @Override
    public void changed(SandboxStatus sandbox) {
        quotas.follow(sandbox);
        SandboxStore.Condition condition = SandboxStore.Condition.of(sandbox);
        // A moved deadline is a change, too, but none of the row's.
        if (!condition.equals(heard.put(sandbox.id(), condition))) {
            changes.add(sandbox.id());
            writer.execute(this::drain);
        }
    }

    @Override
    public void ended(SandboxId sandbox, EndReason reason, Instant when) {
        quotas.release(sandbox);
        heard.remove(sandbox);
        ends.add(SandboxStore.End.reported(sandbox, reason, when));
        writer.execute(this::drain);
    }

    /**
     * Ends rows whose sandbox is gone, and kills sandboxes without a row: nobody was ever told of them.
     *
     * @param grace sandboxes younger than this may still be about to get their row
     */
    void compare(Duration grace) {
        // Rows first: a sandbox that is recorded after this must not look as if it were gone.
        Map<SandboxId, SandboxStore.Condition> rows = store.alive();
        List<SandboxStatus> running = node.list();
        Set<SandboxId> alive = running.stream().map(SandboxStatus::id).collect(Collectors.toUnmodifiableSet());
        Instant now = clock.instant();
        List<SandboxStore.End> gone = rows.keySet().stream()
                .filter(row -> !alive.contains(row))
                .map(row -> SandboxStore.End.unobserved(row, now))
                .toList();
        if (!gone.isEmpty()) {
            log.info("{} recorded sandboxes run no more", gone.size());
            // Reports that wait in the queue know more: they go first.
            drain();
            store.end(gone);
            gone.forEach(end -> quotas.release(end.sandbox()));
        }
        for (SandboxStatus sandbox : running) {
            quotas.follow(sandbox);
            SandboxStore.Condition row = rows.get(sandbox.id());
            if (row != null && !row.equals(SandboxStore.Condition.of(sandbox))) {
                changes.add(sandbox.id());
            }
            if (row == null && !sandbox.startedAt().isAfter(now.minus(grace))) {
                killOrphan(sandbox.id());
            }
        }
        writer.execute(this::drain);
    }

    private void killOrphan(SandboxId sandbox) {
        log.warn("sandbox {} runs but was never acknowledged to a client: killing it", sandbox);
        try {
            node.kill(sandbox, EndReason.ORPHANED);
        } catch (NodeException e) {
            log.warn("can't kill orphan {}", sandbox, e);
        }
    }

    /** Writes everything that waits; what can't be written waits for the next attempt. */
    private void drain() {
        draining.lock();
        try {
            // As the node tells it now: reports may have overtaken each other.
            write(
                    changes,
                    ids -> store.change(ids.stream()
                            .distinct()
                            .flatMap(id -> node.find(id).stream())
                            .map(sandbox -> SandboxStore.Change.of(sandbox, clock.instant()))
                            .toList()));
            write(ends, store::end);
        } finally {
            draining.unlock();
        }
    }

    private <T> void write(LinkedBlockingQueue<T> reports, Consumer<List<T>> writing) {
        List<T> batch = new ArrayList<>();
        reports.drainTo(batch);
        if (batch.isEmpty()) {
            return;
        }
        try {
            writing.accept(batch);
        } catch (RuntimeException e) {
            log.error("can't record what became of {} sandboxes; trying again", batch.size(), e);
            reports.addAll(batch);
            writer.schedule(this::drain, RETRY.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    @Override
    public void close() {
        subscription.close();
        // Ends that are queued are written, retries are not waited for: the next start finds what is missing.
        writer.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        writer.close();
    }
}
