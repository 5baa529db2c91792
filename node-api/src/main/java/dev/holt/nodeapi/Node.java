package dev.holt.nodeapi;

import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.net.Socket;
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

    /** Every sandbox that a create returned and that has not ended; warm ones are not listed. */
    List<SandboxStatus> list();

    /**
     * Ends a sandbox and returns when nothing of it runs any more. Its disk and slot are freed in the background.
     *
     * @throws NodeException NOT_FOUND when no such sandbox exists
     */
    void kill(SandboxId sandbox, EndReason reason);

    /**
     * Moves the deadline at which the node ends the sandbox by itself.
     *
     * @throws NodeException NOT_FOUND when no such sandbox exists
     */
    SandboxStatus setDeadline(SandboxId sandbox, Instant deadline);

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
     * @throws NodeException NOT_FOUND when no such sandbox exists
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
