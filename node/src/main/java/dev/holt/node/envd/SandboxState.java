package dev.holt.node.envd;

import dev.holt.node.guest.GuestAgent;
import java.security.SecureRandom;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** What the envd service holds for one sandbox while it runs. */
final class SandboxState {
    private final GuestAgent agent;
    private final ProcessTable processes;
    private final Watchers watchers;
    private final Set<Runnable> breakers = ConcurrentHashMap.newKeySet();

    SandboxState(EnvdSandbox sandbox, SecureRandom random) {
        this.agent = sandbox.agent();
        this.processes = new ProcessTable(agent, sandbox.log());
        this.watchers = new Watchers(random);
    }

    /** Whether this is about the same run of the sandbox: a resumed one has another agent. */
    boolean isOf(EnvdSandbox sandbox) {
        return agent == sandbox.agent();
    }

    ProcessTable processes() {
        return processes;
    }

    Watchers watchers() {
        return watchers;
    }

    /** What ends a {@link #whenForgotten}. */
    interface Lease extends AutoCloseable {
        @Override
        void close();
    }

    /** Runs {@code breaker} when the sandbox is forgotten before the lease is closed. */
    Lease whenForgotten(Runnable breaker) {
        Runnable unique = breaker::run;
        breakers.add(unique);
        return () -> breakers.remove(unique);
    }

    /** Breaks off everything that goes on. */
    void forget() {
        processes.lose();
        watchers.removeAll();
        breakers.forEach(Runnable::run);
    }
}
