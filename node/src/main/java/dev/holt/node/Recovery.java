package dev.holt.node;

import dev.holt.node.guest.GuestAgent;
import dev.holt.node.network.Slot;
import dev.holt.node.pool.Lease;
import dev.holt.node.pool.Leases;
import dev.holt.node.runtime.RuntimeInstance;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.wire.id.SandboxId;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a node does before it serves: it reads the journal, looks what the runtimes still run and what is on disk, decides for every
 * sandbox what becomes of it ({@link Findings}), sweeps whatever else an earlier run left (instances, mounts, disks, slots,
 * directories), and brings each sandbox that lives on to a state that is true ({@link Settling}).
 */
final class Recovery {
    private static final Logger log = LoggerFactory.getLogger(Recovery.class);

    private final NodeContext context;
    private final Settling settling;
    private final BiConsumer<SandboxId, EndReason> ended;

    /** @param ended hears of each claimed sandbox of the journal that is no more */
    Recovery(NodeContext context, Settling settling, BiConsumer<SandboxId, EndReason> ended) {
        this.context = context;
        this.settling = settling;
        this.ended = ended;
    }

    /** Does all that and starts {@link NodeParts#slots}; answers the sandboxes that live on, warm ones too. */
    List<Sandbox> run() {
        Map<SandboxId, Findings> kept = new TreeMap<>();
        for (JournalEntry entry : context.journal().readAll()) {
            Findings found = Findings.of(entry, context);
            if (found.fate() == Findings.Fate.ENDS) {
                end(found);
            } else {
                kept.put(entry.id(), found);
            }
        }
        Map<SandboxId, Findings> running = new TreeMap<>(kept);
        running.values().removeIf(found -> !runs(found));
        sweepInstances(running.keySet());
        Map<Integer, NetworkPolicy> slotsInUse = new HashMap<>();
        running.values()
                .forEach(found ->
                        slotsInUse.put(found.entry().slot(), found.entry().network()));
        context.parts().slots().start(slotsInUse);
        context.parts().rootFileSystems().sweep(kept.keySet());
        for (SandboxId known : context.journal().known()) {
            if (!kept.containsKey(known)) {
                context.journal().remove(known);
            }
        }
        List<Sandbox> adopted = new ArrayList<>();
        kept.values().forEach(found -> adopted.add(adopt(found)));
        if (!adopted.isEmpty()) {
            log.info("took over {} sandboxes of an earlier run", adopted.size());
        }
        return adopted;
    }

    private static boolean runs(Findings found) {
        return found.fate() == Findings.Fate.RUNS || found.fate() == Findings.Fate.STANDS;
    }

    private void end(Findings found) {
        JournalEntry entry = found.entry();
        if (entry.claim().isEmpty()) {
            return;
        }
        EndReason reason = whyGone(found);
        log.info("sandbox {} of team {} is gone: {}", entry.id(), entry.owner().teamId(), reason);
        context.logs().open(entry.id()).write(LogEntry.Level.INFO, "sandbox ended", Map.of("reason", reason.name()));
        context.logs()
                .events(entry.id())
                .add(
                        reason == EndReason.KILLED ? SandboxEvent.Type.KILLED : SandboxEvent.Type.ENDED,
                        Ends.why(reason),
                        Map.of("cause", Ends.cause(reason)));
        ended.accept(entry.id(), reason);
    }

    private static EndReason whyGone(Findings found) {
        if (found.entry().ending().isPresent()) {
            return found.entry().ending().get();
        }
        if (!found.sameBoot()) {
            return EndReason.HOST_RESTARTED;
        }
        // What still runs but has no disk is ended here.
        return found.instance().isPresent() ? EndReason.ORPHANED : EndReason.CRASHED;
    }

    private void sweepInstances(Set<SandboxId> keep) {
        Set<SandboxId> known = context.journal().known();
        for (SandboxRuntime runtime : context.parts().runtimes()) {
            Set<SandboxId> orphans = new TreeSet<>(runtime.instances());
            orphans.addAll(known);
            orphans.removeAll(keep);
            orphans.forEach(runtime::sweep);
        }
    }

    private Sandbox adopt(Findings found) {
        JournalEntry entry = found.entry();
        Optional<Body> body = runs(found) ? Optional.of(body(found)) : Optional.empty();
        Optional<Capacity.Promise> room = body.isPresent() && entry.claim().isPresent()
                ? Optional.of(context.capacity().adopt(entry.kind().resources()))
                : Optional.empty();
        Sandbox sandbox = ColdStart.sandbox(
                context,
                entry,
                found.image(),
                found.root().orElseThrow(),
                found.runtime()
                        .map(runtime -> runtime.capabilities().guestMemoryIsOwn())
                        .orElse(false),
                body,
                room);
        settling.settle(sandbox, found);
        return sandbox;
    }

    private Body body(Findings found) {
        JournalEntry entry = found.entry();
        RuntimeInstance instance = found.instance().orElseThrow();
        Leases held = new Leases();
        Slot slot = held.add(context.parts().slots().adopt(entry.slot(), entry.network()));
        held.add((Lease) instance::close);
        GuestAgent agent = new GuestAgent(
                new InetSocketAddress(slot.guestAddress(), GuestAgent.PORT),
                entry.token(),
                HostAttributes.where(
                        found.runtime().orElseThrow().capabilities(),
                        found.root().orElseThrow().path()));
        held.add((Lease) agent::close);
        return new Body(instance, slot, agent, entry.token(), held);
    }
}
