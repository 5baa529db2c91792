package dev.holt.node;

import dev.holt.node.image.ImageFailure;
import dev.holt.node.runtime.RuntimeFailure;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.SandboxEvent;
import java.time.Instant;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes a sandbox LOST: nothing of it runs, its disk stays, and its state says so. The caller holds its lock. */
final class Losing {
    private static final Logger log = LoggerFactory.getLogger(Losing.class);

    private final NodeContext context;

    Losing(NodeContext context) {
        this.context = context;
    }

    /** Frees whatever of it runs or is mounted and keeps the rest; what can't be freed now is by the next recover, kill or start. */
    void lose(Sandbox sandbox, String problem) {
        try {
            sandbox.guest().end();
            sandbox.root().unmount();
        } catch (RuntimeFailure | ImageFailure | SnapshotFailure e) {
            log.error("something of the lost sandbox {} is still there", sandbox.id(), e);
        }
        sandbox.giveRoomBack();
        sandbox.settle(lost(
                sandbox.entry(),
                problem,
                context.now().plus(context.config().state().lostKept())));
        tell(sandbox, problem);
    }

    /** Notes it where its owner looks. */
    static void tell(Sandbox sandbox, String problem) {
        sandbox.event(
                SandboxEvent.Type.LOST,
                "nothing of it runs any more; its disk is there and recover brings it back",
                Map.of("problem", problem));
        sandbox.story(LogEntry.Level.ERROR, "sandbox lost", Map.of("problem", problem));
    }

    /** The entry of a lost sandbox, which stays at least until {@code keptUntil}. */
    static JournalEntry lost(JournalEntry entry, String problem, Instant keptUntil) {
        JournalEntry.Claim owner = entry.owner();
        Instant deadline = owner.deadline().isAfter(keptUntil) ? owner.deadline() : keptUntil;
        return entry.with()
                .phase(Phase.LOST)
                .noInstance()
                .until(deadline, owner.lifecycle().timeout())
                .problem(problem)
                .entry();
    }
}
