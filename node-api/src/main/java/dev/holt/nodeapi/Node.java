package dev.holt.nodeapi;

import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * One host that runs sandboxes. The node owns what runs: its journal, not the caller's database, says which sandboxes
 * exist and until when. All calls block and may be made from any thread; failures are {@link NodeException}s.
 */
public interface Node {
    /** What the node can do and how full it is, right now. */
    NodeStatus status();

    /**
     * Starts a sandbox and returns when a command in it would succeed. Idempotent by {@link CreateSandbox#requestId()}: a
     * second call with the same id returns the sandbox of the first. When the caller's thread is interrupted the
     * create still runs to its end. On any failure nothing is left behind.
     *
     * @throws NodeException FULL when no capacity is left, NOT_FOUND for an unknown template, INVALID for a request that
     *     this node can't honour, UNAVAILABLE when a runtime failed
     */
    SandboxStatus create(CreateSandbox request);

    /** The sandbox if it exists on this node; cheap enough for every proxied request. */
    Optional<SandboxStatus> find(SandboxId sandbox);

    /** Every sandbox that a create returned and that has not ended, paused and lost ones too; warm ones are not listed. */
    List<SandboxStatus> list();

    /**
     * Ends a sandbox and returns when nothing of it runs any more. Its disk and slot are freed in the background.
     *
     * @throws NodeException NOT_FOUND when no such sandbox exists
     */
    void kill(SandboxId sandbox, EndReason reason);

    /**
     * Moves the deadline at which the node ends or pauses the sandbox by itself.
     *
     * @param timeout what {@link Lifecycle#timeout} is from now on
     * @throws NodeException NOT_FOUND when no such sandbox exists, CONFLICT when it does not run
     */
    SandboxStatus setDeadline(SandboxId sandbox, Instant deadline, Duration timeout);

    /**
     * Pauses a running sandbox: when this returns its state is durable (what {@link Pause#memory} says of it) and what ran is freed or
     * stands still. On failure it runs on.
     *
     * @param keepMemory false keeps the file system only
     * @throws NodeException NOT_FOUND when no such sandbox exists, CONFLICT when it does not run or is in transition, UNAVAILABLE when it
     *     could not be paused and runs on (or is LOST, if the message says so)
     */
    SandboxStatus pause(SandboxId sandbox, boolean keepMemory);

    /**
     * Brings a paused sandbox back, or prolongs one that runs. Waits for a pause or another resume that is under way, within
     * limits. Any number of callers at once cause one resume, and each gets its outcome.
     *
     * @throws NodeException NOT_FOUND when no such sandbox exists, CONFLICT when it is LOST or stays in transition too long, FULL when
     *     there is no room for it, UNAVAILABLE when it could not be brought back and stays paused
     */
    Resumed resume(SandboxId sandbox, ResumeSandbox request);

    /**
     * Traffic for a port of a sandbox that does not run: resumes it when its lifecycle says so, for its timeout or 300 s if that is
     * more, and waits meanwhile as {@link #resume} does. Answers at once for one that runs; one that somebody else is bringing back is
     * waited for, whatever its lifecycle says.
     *
     * @throws NodeException as {@link #resume}; CONFLICT too when it is paused and traffic may not wake it
     */
    Resumed wake(SandboxId sandbox, int port);

    /**
     * Makes a build from a sandbox, which goes on. The guest stands still while it is captured; the connections of its own servers may
     * break, see {@code docs/state.md}.
     *
     * @throws NodeException NOT_FOUND when no such sandbox exists, CONFLICT when it is in transition or LOST, UNAVAILABLE when it
     *     could not be captured; the sandbox is as before then and nothing of the build is left
     */
    SnapshotBuild capture(SandboxId sandbox, CaptureSandbox request);

    /**
     * Returns a running or paused sandbox to one of its own snapshots, under the same id.
     *
     * @throws NodeException NOT_FOUND when no such sandbox or build exists, INVALID when the build was not made from this sandbox,
     *     CONFLICT in transition, UNAVAILABLE when it failed: the sandbox is as before or LOST, and the message says which
     */
    Resumed rollback(SandboxId sandbox, TemplateId template, String buildId);

    /**
     * Brings a LOST sandbox back from the best that is left of it: its memory image, else the previous pause, else its file system.
     *
     * @throws NodeException NOT_FOUND when no such sandbox exists, CONFLICT when it is not LOST, UNAVAILABLE when nothing could be
     *     brought back; it stays LOST then
     */
    Resumed recover(SandboxId sandbox);

    /** The complete builds that were made from sandboxes on this node, passing ones not listed; in no order. */
    List<SnapshotBuild> snapshots();

    /**
     * Forgets a build that was made from a sandbox; its artifacts go when nothing uses them any more.
     *
     * @throws NodeException NOT_FOUND when there is none
     */
    void deleteSnapshot(TemplateId template, String buildId);

    /**
     * What happened to a sandbox, oldest first, of one that exists or ended within the node's log retention; at most the newest 1000.
     *
     * @throws NodeException NOT_FOUND when the node knows nothing of it
     */
    List<SandboxEvent> events(SandboxId sandbox);

    /**
     * Log lines, in the order that the query asks for, of a sandbox that exists or ended within the node's log retention.
     *
     * @throws NodeException NOT_FOUND when the node has no log of it
     */
    List<LogEntry> logs(SandboxId sandbox, LogQuery query);

    /**
     * Metric samples with start &lt;= time &lt;= end, oldest first, thinned evenly to at most 1000.
     *
     * @throws NodeException NOT_FOUND when no such sandbox exists
     */
    List<MetricSample> metrics(SandboxId sandbox, Instant start, Instant end);

    /**
     * Opens a TCP connection to a port inside the sandbox. The caller owns the socket; it breaks when the sandbox ends.
     *
     * @throws NodeException NOT_FOUND when no such sandbox exists, CONFLICT when it does not run: see {@link #wake}
     * @throws java.net.ConnectException when nothing listens on the port
     * @throws IOException when the guest can't be reached
     */
    Socket open(SandboxId sandbox, int port) throws IOException;

    /**
     * Calls {@code listener} for every change from now on, in order for each sandbox, on a thread of the node's. Closing
     * the subscription ends the calls.
     */
    Subscription subscribe(NodeListener listener);

    /** Ends its listener's calls when closed; closing twice is fine. */
    interface Subscription extends AutoCloseable {
        @Override
        void close();
    }
}
