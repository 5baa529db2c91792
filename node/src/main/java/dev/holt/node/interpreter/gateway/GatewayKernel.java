package dev.holt.node.interpreter.gateway;

import dev.holt.node.interpreter.jupyter.KernelLink;
import java.time.Instant;
import java.util.Optional;

/** One kernel of a sandbox. It keeps its id when its process is replaced. */
public interface GatewayKernel {
    String id();

    /** What Jupyter calls it, such as {@code python3}. */
    String name();

    /** When it was made. */
    Instant created();

    /**
     * A connection of the caller's own.
     *
     * @param link fails with the reason when the kernel is restarted or removed, or its sandbox goes away
     * @param key signs messages
     */
    record Connection(KernelLink link, String key) {}

    /**
     * Connects to the kernel, which is started if it does not run.
     *
     * @throws dev.holt.http.HttpFailure when it does not start
     * @throws dev.holt.node.interpreter.jupyter.KernelFailure when it was removed or its sandbox went away
     */
    Connection connect() throws InterruptedException;

    /** How the process that the last connection led to has ended, if it has; the next connection then starts another. */
    Optional<String> ended() throws InterruptedException;

    /** Interrupts what it runs, as Ctrl-C would. */
    void interrupt() throws InterruptedException;

    /** Replaces its process by a new one. */
    void restart() throws InterruptedException;

    /** Ends it for good. */
    void remove();
}
