package dev.holt.node;

import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.ProcessStream;
import dev.holt.node.guest.StartProcess;
import dev.holt.node.pool.Lease;
import dev.holt.wire.id.SandboxId;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs what every command of an E2B client runs first, a login shell that ends at once: the guest's kernel then knows the shell's files.
 * What that saves says decision 0305.
 *
 * @param next what else is done
 */
record LoginShell(WarmUp next) implements WarmUp {
    private static final Logger log = LoggerFactory.getLogger(LoginShell.class);
    private static final int KILL = 9; // signal(7)
    private static final Duration LIMIT = Duration.ofSeconds(10);

    @Override
    public Lease warm(SandboxId sandbox, GuestAgent agent) {
        StartProcess shell = new StartProcess(
                "user", "", List.of("/bin/bash", "-l", "-c", "true"), Map.of(), Optional.empty(), false, new byte[0]);
        long deadline = System.nanoTime() + LIMIT.toNanos();
        try (ProcessStream running = agent.start(shell)) {
            while (!(running.poll(Duration.ofSeconds(1)) instanceof ProcessStream.Exit)) {
                if (System.nanoTime() > deadline) {
                    agent.signal(running.pid(), KILL, true);
                    break;
                }
            }
        } catch (GuestFailure e) {
            log.debug("no login shell was run in sandbox {} ahead of need", sandbox, e);
        }
        return next.warm(sandbox, agent);
    }
}
