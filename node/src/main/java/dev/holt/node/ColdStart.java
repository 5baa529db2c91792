package dev.holt.node;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.image.RootFileSystem;
import dev.holt.node.image.TemplateImage;
import dev.holt.node.network.Slot;
import dev.holt.node.pool.Leases;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.node.snapshot.MemoryImage;
import dev.holt.node.snapshot.SnapshotStore;
import dev.holt.nodeapi.NodeException;
import dev.holt.wire.id.SandboxId;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;

/**
 * Starts a new sandbox, from a template's build or from a snapshot, for the warm pool or for whoever asks while that is empty: the first
 * half of a create, top to bottom. The second half, the claim, is {@link Sandbox#claim}.
 */
final class ColdStart {
    private final NodeContext context;
    private final Launch launch;
    private final List<String> nameservers;
    /** Starts are bound by CPU: more at once than this only makes each of them slower. */
    private final Semaphore places = new Semaphore(2 * Runtime.getRuntime().availableProcessors(), true);

    ColdStart(NodeContext context, Launch launch) {
        this.context = context;
        this.launch = launch;
        this.nameservers = context.config().network().nameservers().stream()
                .map(block -> block.address(0).getHostAddress())
                .toList();
    }

    /**
     * What a new sandbox starts from.
     *
     * @param image the layers below its disk
     * @param snapshot whose disk its own begins as a copy of; empty for a new disk
     * @param memory whether it goes on from the snapshot's memory
     */
    record Origin(TemplateImage image, Optional<SnapshotStore.Use> snapshot, boolean memory) {
        static Origin template(TemplateImage image) {
            return new Origin(image, Optional.empty(), false);
        }
    }

    /**
     * Starts a sandbox and returns it, warm, when a command in it would succeed. On failure nothing of it is left.
     *
     * @throws NodeException UNAVAILABLE when its agent does not answer in time
     * @throws dev.holt.node.snapshot.SnapshotFailure when a file of the snapshot is missing or damaged
     */
    Sandbox start(SandboxKind kind, Origin origin, SandboxRuntime runtime) {
        places.acquireUninterruptibly();
        try (Leases leases = new Leases()) {
            SandboxId id = SandboxId.random(context.random());
            FlowStep.Listener steps = context.parts().steps();

            Path directory = context.journal().create(id);
            leases.add(() -> context.journal().remove(id));
            steps.taken(CreateStep.DIRECTORY, id);

            origin.snapshot().ifPresent(snapshot -> snapshot.verify(origin.memory()));
            RootFileSystem root = leases.add(root(id, directory, kind, origin));
            steps.taken(CreateStep.ROOT_FILE_SYSTEM, id);

            Steps taken = new Steps(steps, id);
            Launch.Order order = new Launch.Order(
                    id,
                    directory,
                    root,
                    runtime,
                    kind.resources(),
                    Optional.empty(),
                    origin.snapshot().isPresent());
            Body body = up(order, kind, origin, taken);
            leases.add(body.held());

            JournalEntry entry = JournalEntry.warm(
                    id,
                    kind,
                    new Base(origin.image().template(), origin.image().buildId()),
                    context.bootId(),
                    body.slot().number(),
                    context.addresses(),
                    body.token(),
                    context.now());
            context.journal().write(entry);
            steps.taken(CreateStep.WARM_JOURNAL, id);
            leases.keep();
            return sandbox(
                    context,
                    entry,
                    origin.image(),
                    root,
                    runtime.capabilities().guestMemoryIsOwn(),
                    Optional.of(body),
                    Optional.empty());
        } finally {
            places.release();
        }
    }

    private RootFileSystem root(SandboxId id, Path directory, SandboxKind kind, Origin origin) {
        return origin.snapshot()
                .map(snapshot ->
                        context.parts().rootFileSystems().mountCopy(id, directory, origin.image(), snapshot.disk()))
                .orElseGet(() -> context.parts()
                        .rootFileSystems()
                        .mount(
                                id,
                                directory,
                                origin.image(),
                                kind.resources().diskMegabytes(),
                                layer -> GuestFiles.write(layer, id, nameservers)));
    }

    private Body up(Launch.Order order, SandboxKind kind, Origin origin, Steps taken) {
        if (!origin.memory()) {
            return launch.boot(order, taken);
        }
        SnapshotStore.Use snapshot = origin.snapshot().orElseThrow();
        MemoryImage image = snapshot.record().image().orElseThrow();
        return launch.restore(order, image, snapshot.memory(), context.resumeLimit(kind), taken);
    }

    private static final class Steps implements Launch.Progress {
        private final FlowStep.Listener steps;
        private final SandboxId id;

        Steps(FlowStep.Listener steps, SandboxId id) {
            this.steps = steps;
            this.id = id;
        }

        @Override
        public void slot(Slot slot, AgentToken token) {
            steps.taken(CreateStep.SLOT, id);
        }

        @Override
        public void instance() {
            steps.taken(CreateStep.INSTANCE, id);
        }

        @Override
        public void agent() {
            steps.taken(CreateStep.AGENT, id);
        }
    }

    /** A sandbox of these parts. */
    static Sandbox sandbox(
            NodeContext context,
            JournalEntry entry,
            TemplateImage image,
            RootFileSystem root,
            boolean guestMemoryIsOwn,
            Optional<Body> body,
            Optional<Capacity.Promise> room) {
        return new Sandbox(
                new Sandbox.Frame(
                        image,
                        context.journal().directory(entry.id()),
                        root,
                        guestMemoryIsOwn,
                        context.journal(),
                        context.logs().open(entry.id()),
                        context.logs().events(entry.id()),
                        context.parts().clock(),
                        status -> context.listeners().publish(listener -> listener.changed(status))),
                entry,
                body,
                room);
    }
}
