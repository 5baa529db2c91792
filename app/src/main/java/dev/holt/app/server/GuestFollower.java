package dev.holt.app.server;

import dev.holt.node.envd.EnvdSandbox;
import dev.holt.node.envd.EnvdSandboxes;
import dev.holt.node.envd.EnvdService;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.interpreter.Interpreter;
import dev.holt.node.interpreter.InterpreterSandboxes;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the envd service and the interpreter in step with the node: what runs in a sandbox that came back is known again, so that deadlines
 * of processes are kept, and what is held for one that is paused, lost or ended is freed. Asks guests, so nothing is done on the node's
 * thread; one thread does it in the order in which it happened.
 */
final class GuestFollower implements NodeListener, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(GuestFollower.class);

    private final EnvdService envd;
    private final EnvdSandboxes sandboxes;
    private final Interpreter interpreter;
    private final InterpreterSandboxes interpreted;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(
            Thread.ofVirtual().name("guests followed").factory());
    /** Of the thread alone: those of which something may be held. */
    private final Map<SandboxId, SandboxState> followed = new HashMap<>();

    GuestFollower(
            EnvdService envd, EnvdSandboxes sandboxes, Interpreter interpreter, InterpreterSandboxes interpreted) {
        this.envd = envd;
        this.sandboxes = sandboxes;
        this.interpreter = interpreter;
        this.interpreted = interpreted;
    }

    @Override
    public void started(SandboxStatus sandbox) {
        thread.execute(() -> followed.put(sandbox.id(), SandboxState.RUNNING)); // known as soon as somebody asks for it
    }

    @Override
    public void changed(SandboxStatus sandbox) {
        thread.execute(() -> follow(sandbox.id(), sandbox.state()));
    }

    private void follow(SandboxId sandbox, SandboxState now) {
        SandboxState before = followed.put(sandbox, now);
        boolean wasThere = before == SandboxState.RUNNING || before == SandboxState.CAPTURING;
        switch (now) {
            case RUNNING -> {
                if (!wasThere) {
                    // A guest that is slow to answer must not keep the others waiting.
                    Thread.startVirtualThread(() -> adopt(sandbox));
                }
            }
            case PAUSED, LOST -> {
                envd.forget(sandbox);
                interpreter.forget(sandbox);
            }
            case CAPTURING, PAUSING, ROLLING_BACK, RESUMING -> {} // whoever is connected is told by the guest's agent
        }
    }

    private void adopt(SandboxId sandbox) {
        Optional<EnvdSandbox> running = sandboxes.find(sandbox);
        try {
            running.ifPresent(envd::adopt);
            interpreted.find(sandbox).ifPresent(interpreter::adopt);
        } catch (RuntimeException e) {
            Optional<GuestAgent> asked = running.map(EnvdSandbox::agent);
            if (sandboxes.find(sandbox).map(EnvdSandbox::agent).equals(asked)) {
                log.warn("sandbox {} runs, but what runs in it is not known: {}", sandbox, e.toString());
            } else {
                log.debug("sandbox {} was ended or paused before it was known what runs in it", sandbox);
            }
        }
    }

    @Override
    public void ended(SandboxId sandbox, EndReason reason, Instant when) {
        thread.execute(() -> {
            followed.remove(sandbox);
            envd.forget(sandbox);
            interpreter.forget(sandbox);
        });
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
