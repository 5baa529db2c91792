package dev.holt.node;

import dev.holt.node.pool.Lease;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells listeners what happened, in order, on one thread. What happened before the first listener came, while the node started
 * and looked what had become of its sandboxes, is kept for that one.
 */
final class NodeEvents implements Lease {
    private static final Logger log = LoggerFactory.getLogger(NodeEvents.class);
    private static final int MOST_KEPT = 10_000;

    private final List<NodeListener> listeners = new CopyOnWriteArrayList<>();
    private final BlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();
    private final Thread thread = Thread.ofVirtual().name("node events").start(this::run);
    /** Of the thread alone. */
    private final Deque<Consumer<NodeListener>> early = new ArrayDeque<>();

    private boolean heard;
    private boolean stopped;

    void publish(Consumer<NodeListener> event) {
        queue.add(() -> {
            if (heard) {
                listeners.forEach(listener -> tell(listener, event));
            } else if (early.size() < MOST_KEPT) {
                early.add(event);
            }
        });
    }

    Node.Subscription subscribe(NodeListener listener) {
        // Equal listeners are still two subscriptions: closing one must not end the other.
        NodeListener own = new NodeListener() {
            @Override
            public void started(SandboxStatus sandbox) {
                listener.started(sandbox);
            }

            @Override
            public void changed(SandboxStatus sandbox) {
                listener.changed(sandbox);
            }

            @Override
            public void ended(SandboxId sandbox, EndReason reason, Instant when) {
                listener.ended(sandbox, reason, when);
            }
        };
        queue.add(() -> {
            heard = true;
            early.forEach(event -> tell(own, event));
            early.clear();
            listeners.add(own);
        });
        return () -> queue.add(() -> listeners.remove(own));
    }

    private void run() {
        try {
            while (!stopped) {
                queue.take().run();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void tell(NodeListener listener, Consumer<NodeListener> event) {
        try {
            event.accept(listener);
        } catch (RuntimeException e) {
            log.error("a listener of the node failed", e);
        }
    }

    /** Delivers what was published before, then stops. */
    @Override
    public void close() {
        queue.add(() -> stopped = true);
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
