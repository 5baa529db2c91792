package dev.holt.node;

import dev.holt.node.guest.GuestAgent;
import dev.holt.node.image.RootFileSystem;
import dev.holt.node.image.TemplateImage;
import dev.holt.node.logs.LogStore;
import dev.holt.node.network.Slot;
import dev.holt.node.pool.Lease;
import dev.holt.node.pool.Leases;
import dev.holt.node.runtime.RuntimeInstance;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.wire.id.SandboxId;
import java.net.InetSocketAddress;
import java.nio.file.Path;
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
 * What a node does before it serves: it reads the journal, looks what the runtimes still run, takes over every sandbox that is
 * in both and whole, and sweeps whatever else an earlier run left: instances, mounts, disks, slots, directories.
 */
final class Recovery {
    private static final Logger log = LoggerFactory.getLogger(Recovery.class);

    private final NodeConfig config;
    private final NodeParts parts;
    private final Journal journal;
    private final LogStore logs;
    private final Capacity capacity;
    private final BiConsumer<SandboxId, EndReason> ended;
    private final String bootId = Journal.bootId();

    /** @param ended hears of each claimed sandbox of the journal that is no more */
    Recovery(
            NodeConfig config,
            NodeParts parts,
            Journal journal,
            LogStore logs,
            Capacity capacity,
            BiConsumer<SandboxId, EndReason> ended) {
        this.config = config;
        this.parts = parts;
        this.journal = journal;
        this.logs = logs;
        this.capacity = capacity;
        this.ended = ended;
    }

    /** A journal entry whose instance still runs. */
    private record Survivor(
            JournalEntry entry,
            SandboxRuntime runtime,
            RuntimeInstance instance,
            RootFileSystem root,
            TemplateImage image) {}

    /** Does all that and starts {@link NodeParts#slots}; answers the sandboxes that live on, warm and running. */
    List<Sandbox> run() {
        Map<SandboxId, Survivor> survivors = new TreeMap<>();
        for (JournalEntry entry : journal.readAll()) {
            Optional<Survivor> survivor = survivor(entry);
            survivor.ifPresent(found -> survivors.put(entry.id(), found));
            if (survivor.isEmpty() && entry.claim().isPresent()) {
                EndReason reason = whyGone(entry);
                log.info(
                        "sandbox {} of team {} is gone: {}",
                        entry.id(),
                        entry.claim().get().teamId(),
                        reason);
                logs.open(entry.id()).write(LogEntry.Level.INFO, "sandbox ended", Map.of("reason", reason.name()));
                ended.accept(entry.id(), reason);
            }
        }
        sweepInstances(survivors.keySet());
        Map<Integer, NetworkPolicy> slotsInUse = new HashMap<>();
        survivors
                .values()
                .forEach(s -> slotsInUse.put(s.entry().slot(), s.entry().network()));
        parts.slots().start(slotsInUse);
        parts.rootFileSystems().sweep(survivors.keySet());
        for (SandboxId known : journal.known()) {
            if (!survivors.containsKey(known)) {
                journal.remove(known);
            }
        }
        List<Sandbox> adopted = new ArrayList<>();
        survivors.values().forEach(survivor -> adopted.add(adopt(survivor)));
        if (!adopted.isEmpty()) {
            log.info("took over {} sandboxes of an earlier run", adopted.size());
        }
        return adopted;
    }

    private Optional<Survivor> survivor(JournalEntry entry) {
        if (!entry.bootId().equals(bootId)
                || entry.state() == SandboxState.ENDING
                || !entry.addresses().equals(config.network().addresses().toString())
                || !parts.slots().exists(entry.slot())) {
            return Optional.empty();
        }
        Optional<SandboxRuntime> runtime = parts.runtimes().stream()
                .filter(candidate -> candidate.isolation() == entry.kind().isolation())
                .findFirst();
        Optional<RuntimeInstance> instance = runtime.flatMap(r -> r.find(entry.id()));
        Optional<TemplateImage> image = parts.rootFileSystems()
                .find(entry.kind().template(), entry.kind().buildId());
        if (runtime.isEmpty() || instance.isEmpty() || image.isEmpty()) {
            return Optional.empty();
        }
        return parts.rootFileSystems()
                .adopt(entry.id(), journal.directory(entry.id()))
                .map(root -> new Survivor(entry, runtime.get(), instance.get(), root, image.get()));
    }

    private EndReason whyGone(JournalEntry entry) {
        if (entry.ending().isPresent()) {
            return entry.ending().get();
        }
        if (!entry.bootId().equals(bootId)) {
            return EndReason.HOST_RESTARTED;
        }
        boolean runs = parts.runtimes().stream()
                .anyMatch(runtime -> runtime.find(entry.id()).isPresent());
        // What still runs but could not be taken over, because its network, disk or template is gone, is ended here.
        return runs ? EndReason.ORPHANED : EndReason.CRASHED;
    }

    private void sweepInstances(Set<SandboxId> keep) {
        Set<SandboxId> known = journal.known();
        for (SandboxRuntime runtime : parts.runtimes()) {
            Set<SandboxId> orphans = new TreeSet<>(runtime.instances());
            orphans.addAll(known);
            orphans.removeAll(keep);
            orphans.forEach(runtime::sweep);
        }
    }

    private Sandbox adopt(Survivor survivor) {
        JournalEntry entry = survivor.entry();
        Path directory = journal.directory(entry.id());
        Leases held = new Leases();
        held.add(() -> journal.remove(entry.id()));
        held.add(survivor.root());
        Slot slot = held.add(parts.slots().adopt(entry.slot(), entry.network()));
        held.add((Lease) survivor.instance()::close);
        GuestAgent agent = new GuestAgent(
                new InetSocketAddress(slot.guestAddress(), GuestAgent.PORT),
                entry.token(),
                HostAttributes.where(
                        survivor.runtime().capabilities(), survivor.root().path()));
        held.add((Lease) agent::close);
        Optional<Lease> promised =
                entry.claim().map(claim -> capacity.adopt(entry.kind().resources()));
        return new Sandbox(
                new Sandbox.Body(
                        survivor.instance(),
                        slot,
                        agent,
                        survivor.image(),
                        survivor.runtime().capabilities().guestMemoryIsOwn(),
                        directory,
                        held),
                entry,
                journal,
                logs.open(entry.id()),
                parts.clock(),
                promised);
    }
}
