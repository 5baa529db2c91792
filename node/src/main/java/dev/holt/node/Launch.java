package dev.holt.node;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.image.RootFileSystem;
import dev.holt.node.network.Slot;
import dev.holt.node.pool.Lease;
import dev.holt.node.pool.Leases;
import dev.holt.node.runtime.InstanceSpec;
import dev.holt.node.runtime.InstanceSpec.BindFile;
import dev.holt.node.runtime.RuntimeInstance;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.node.snapshot.MemoryImage;
import dev.holt.node.snapshot.ReadAhead;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.SandboxId;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Brings a guest up on a mounted root file system, booted or from a memory image: slot, instance, agent, identity. Every flow that
 * starts something does it here, so a sandbox that comes back is what a new one is.
 */
final class Launch {
    /** Hears how far it has got; what it throws ends the launch, and nothing of it is left then. */
    interface Progress {
        /** There is a slot, and nothing in it yet; the agent will have that token in the end. */
        void slot(Slot slot, AgentToken token);

        /** An instance runs. */
        void instance();

        /** Its agent answers. */
        void agent();
    }

    /**
     * What to bring up.
     *
     * @param policy put in force before anything runs; a guest that nobody owns yet needs none
     * @param renamed whether the guest has to learn that it is another sandbox than the one it was
     */
    record Order(
            SandboxId id,
            Path directory,
            RootFileSystem root,
            SandboxRuntime runtime,
            Resources resources,
            Optional<NetworkPolicy> policy,
            boolean renamed) {}

    private static final int ENTROPY_BYTES = 64;

    private final NodeContext context;
    /** In place of sudo, where a runtime needs that. */
    private final Optional<Path> sudo;

    Launch(NodeContext context) {
        this.context = context;
        this.sudo = context.parts().runtimes().stream()
                        .allMatch(runtime -> runtime.capabilities().honoursSetuid())
                ? Optional.empty()
                : Optional.of(GuestSudo.unpack(context.config().stateDirectory().resolve("guest")));
    }

    /**
     * Boots a guest. On failure nothing of it is left.
     *
     * @throws NodeException UNAVAILABLE when its agent does not answer in time
     */
    Body boot(Order order, Progress progress) {
        AgentToken token = AgentToken.random(context.random());
        try (Leases leases = new Leases()) {
            Slot slot = slot(order, leases);
            progress.slot(slot, token);
            Map<String, String> environment = new HashMap<>(Map.of(
                    "HOLT_AGENT_TOKEN",
                    token.hex(),
                    "HOLT_AGENT_PEER",
                    "gateway")); // whichever that is: a restored guest has another
            List<BindFile> files = List.of();
            if (!order.runtime().capabilities().honoursSetuid()) {
                environment.put("HOLT_AGENT_SUDO", "1");
                files = GuestSudo.over(order.root().path(), sudo.orElseThrow());
            }
            RuntimeInstance instance =
                    order.runtime().start(spec(order, slot, context.parts().agent(), environment, files));
            leases.add((Lease) instance::close);
            progress.instance();
            GuestAgent agent = agent(order, slot, token, leases);
            await(order.id(), agent, instance, context.config().limits().startTimeout());
            if (order.renamed()) {
                agent.identify(order.id().value(), Instant.EPOCH, new byte[0]);
            }
            progress.agent();
            return new Body(instance, slot, agent, token, leases.keep());
        }
    }

    /**
     * Restores a guest. On failure nothing of it is left; if it had an instance by then, that may have written to the root file system.
     *
     * @param image what is known of the memory image
     * @param files where it is; verified by the caller
     * @param limit how long the engine may take
     * @throws NodeException UNAVAILABLE when its agent does not answer in time
     */
    Body restore(Order order, MemoryImage image, Path files, Duration limit, Progress progress) {
        context.background().execute(() -> ReadAhead.directory(files)); // while the engine starts
        AgentToken token = AgentToken.random(context.random());
        try (Leases leases = new Leases()) {
            Slot slot = slot(order, leases);
            progress.slot(slot, token);
            List<BindFile> bound = image.bindFiles().stream()
                    .map(file -> new BindFile(Path.of(file.hostFile()), file.guestPath()))
                    .toList();
            RuntimeInstance instance =
                    order.runtime().restore(spec(order, slot, Path.of(image.agent()), Map.of(), bound), files, limit);
            leases.add((Lease) instance::close);
            progress.instance();
            Body body = identified(order, slot, image, token, instance, leases);
            progress.agent();
            return body.with(leases.keep());
        }
    }

    /** A restored guest knows an old token and the random numbers of its twins. Its clock is the host's, with every runtime that there is. */
    private Body identified(
            Order order, Slot slot, MemoryImage image, AgentToken token, RuntimeInstance instance, Leases leases) {
        byte[] entropy = new byte[ENTROPY_BYTES];
        context.random().nextBytes(entropy);
        GuestAgent agent = agent(order, slot, image.token(), leases);
        await(order.id(), agent, instance, context.config().limits().startTimeout());
        agent.identify(order.renamed() ? order.id().value() : "", Instant.EPOCH, entropy, token);
        return new Body(instance, slot, agent, token, leases);
    }

    private Slot slot(Order order, Leases leases) {
        Slot slot = leases.add(context.slots().take());
        order.policy().ifPresent(slot::restrict);
        return slot;
    }

    private static InstanceSpec spec(
            Order order, Slot slot, Path agent, Map<String, String> environment, List<BindFile> files) {
        return new InstanceSpec(
                order.id(),
                order.directory(),
                order.root().path(),
                slot.namespace(),
                order.id().value(),
                order.resources(),
                agent,
                environment,
                files);
    }

    private static GuestAgent agent(Order order, Slot slot, AgentToken token, Leases leases) {
        GuestAgent agent = new GuestAgent(
                new InetSocketAddress(slot.guestAddress(), GuestAgent.PORT),
                token,
                HostAttributes.where(
                        order.runtime().capabilities(), order.root().path()));
        leases.add((Lease) agent::close);
        return agent;
    }

    private static void await(SandboxId id, GuestAgent agent, RuntimeInstance instance, Duration patience) {
        try {
            agent.awaitReady(patience);
        } catch (GuestFailure e) {
            throw new NodeException(
                    NodeException.Kind.UNAVAILABLE,
                    "the agent of sandbox " + id + " did not answer within " + patience.toMillis() + " ms"
                            + (instance.alive() ? "" : ", its first process has ended") + ": " + e.getMessage(),
                    e);
        }
    }
}
