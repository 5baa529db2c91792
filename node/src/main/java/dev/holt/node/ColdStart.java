package dev.holt.node;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.image.RootFileSystem;
import dev.holt.node.image.TemplateImage;
import dev.holt.node.logs.LogStore;
import dev.holt.node.network.Slot;
import dev.holt.node.pool.Lease;
import dev.holt.node.pool.Leases;
import dev.holt.node.pool.Pool;
import dev.holt.node.runtime.InstanceSpec;
import dev.holt.node.runtime.InstanceSpec.BindFile;
import dev.holt.node.runtime.RuntimeInstance;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.nodeapi.NodeException;
import dev.holt.wire.id.SandboxId;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;

/**
 * Starts a sandbox from nothing, for the warm pool or for whoever asks while that is empty: the first half of a create, top to
 * bottom. The second half, the claim, is {@link Sandbox#claim}.
 */
final class ColdStart {
    private final NodeConfig config;
    private final NodeParts parts;
    private final List<String> nameservers;
    private final Journal journal;
    private final LogStore logs;
    private final Pool<Slot> slots;
    /** In place of sudo, where a runtime needs that. */
    private final Optional<Path> sudo;

    private final String bootId = Journal.bootId();
    private final SecureRandom random = new SecureRandom();
    /** Starts are bound by CPU: more at once than this only makes each of them slower. */
    private final Semaphore places = new Semaphore(2 * Runtime.getRuntime().availableProcessors(), true);

    ColdStart(NodeConfig config, NodeParts parts, Journal journal, LogStore logs, Pool<Slot> slots) {
        this.config = config;
        this.parts = parts;
        this.journal = journal;
        this.logs = logs;
        this.slots = slots;
        this.nameservers = config.network().nameservers().stream()
                .map(block -> block.address(0).getHostAddress())
                .toList();
        this.sudo = parts.runtimes().stream()
                        .allMatch(runtime -> runtime.capabilities().honoursSetuid())
                ? Optional.empty()
                : Optional.of(GuestSudo.unpack(config.stateDirectory().resolve("guest")));
    }

    /**
     * Starts a sandbox and returns it, warm, when a command in it would succeed. On failure nothing of it is left.
     *
     * @throws NodeException UNAVAILABLE when its agent does not answer in time
     */
    Sandbox start(SandboxKind kind, TemplateImage image, SandboxRuntime runtime) {
        places.acquireUninterruptibly();
        try (Leases leases = new Leases()) {
            SandboxId id = SandboxId.random(random);
            CreateStep.Listener steps = parts.steps();

            Path directory = journal.create(id);
            leases.add(() -> journal.remove(id));
            steps.taken(CreateStep.DIRECTORY, id);

            RootFileSystem root = leases.add(parts.rootFileSystems()
                    .mount(
                            id,
                            directory,
                            image,
                            kind.resources().diskMegabytes(),
                            layer -> GuestFiles.write(layer, id, nameservers)));
            steps.taken(CreateStep.ROOT_FILE_SYSTEM, id);

            Slot slot = leases.add(slots.take());
            steps.taken(CreateStep.SLOT, id);

            AgentToken token = AgentToken.random(random);
            Map<String, String> environment =
                    new HashMap<>(Map.of("HOLT_AGENT_TOKEN", token.hex(), "HOLT_AGENT_PEER", "gateway"));
            List<BindFile> files = List.of();
            if (!runtime.capabilities().honoursSetuid()) {
                environment.put("HOLT_AGENT_SUDO", "1");
                files = GuestSudo.over(root.path(), sudo.orElseThrow());
            }
            RuntimeInstance instance = runtime.start(new InstanceSpec(
                    id,
                    directory,
                    root.path(),
                    slot.namespace(),
                    id.value(),
                    kind.resources(),
                    parts.agent(),
                    environment,
                    files));
            leases.add((Lease) instance::close);
            steps.taken(CreateStep.INSTANCE, id);

            GuestAgent agent = new GuestAgent(
                    new InetSocketAddress(slot.guestAddress(), GuestAgent.PORT),
                    token,
                    HostAttributes.where(runtime.capabilities(), root.path()));
            leases.add((Lease) agent::close);
            awaitAgent(id, agent, instance);
            steps.taken(CreateStep.AGENT, id);

            JournalEntry entry = new JournalEntry(
                    JournalEntry.VERSION,
                    SandboxState.WARM,
                    id,
                    kind,
                    bootId,
                    slot.number(),
                    config.network().addresses().toString(),
                    token,
                    parts.clock().instant(),
                    Optional.empty(),
                    Optional.empty());
            journal.write(entry);
            steps.taken(CreateStep.WARM_JOURNAL, id);

            boolean guestMemoryIsOwn = runtime.capabilities().guestMemoryIsOwn();
            return new Sandbox(
                    new Sandbox.Body(instance, slot, agent, image, guestMemoryIsOwn, directory, leases.keep()),
                    entry,
                    journal,
                    logs.open(id),
                    parts.clock(),
                    Optional.empty());
        } finally {
            places.release();
        }
    }

    private void awaitAgent(SandboxId id, GuestAgent agent, RuntimeInstance instance) {
        try {
            agent.awaitReady(config.limits().startTimeout());
        } catch (GuestFailure e) {
            throw new NodeException(
                    NodeException.Kind.UNAVAILABLE,
                    "the agent of the new sandbox " + id + " did not answer within "
                            + config.limits().startTimeout().toMillis() + " ms"
                            + (instance.alive() ? "" : ", its first process has ended") + ": " + e.getMessage(),
                    e);
        }
    }
}
