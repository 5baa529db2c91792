package dev.holt.node;

import dev.holt.node.image.ImageFailure;
import dev.holt.node.image.TemplateImage;
import dev.holt.node.network.NetworkFailure;
import dev.holt.node.network.SlotFactory;
import dev.holt.node.pool.Lease;
import dev.holt.node.pool.Leases;
import dev.holt.node.process.CommandFailure;
import dev.holt.node.runtime.RuntimeFailure;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.node.snapshot.MemoryImage;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.node.snapshot.SnapshotRecord;
import dev.holt.node.snapshot.SnapshotStore;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.TemplateId;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Creates sandboxes: from a template's build, warm if one is ready, or from a snapshot. */
final class Creation {
    private final NodeContext context;
    private final Registry registry;
    private final ColdStart coldStart;
    private final Ends ends;
    private final WarmPools warm;
    private final Requests<SandboxStatus> requests;
    private final BooleanSupplier stopping;
    /** What sandboxes of a template usually have, where that is not the node's default. */
    private final Map<TemplateId, Resources> usual = new ConcurrentHashMap<>();

    Creation(NodeContext context, Registry registry, ColdStart coldStart, Ends ends, BooleanSupplier stopping) {
        this.context = context;
        this.registry = registry;
        this.coldStart = coldStart;
        this.ends = ends;
        this.stopping = stopping;
        this.requests = new Requests<>("create", context.parts().clock());
        this.warm = new WarmPools(
                context.config().pools(),
                context.foreground(),
                context.background(),
                this::worthWarming,
                this::startWarm);
    }

    WarmPools warm() {
        return warm;
    }

    SandboxStatus create(CreateSandbox request) {
        return requests.once(request.requestId(), () -> {
            try {
                return begin(request);
            } catch (RuntimeFailure
                    | ImageFailure
                    | CommandFailure
                    | NetworkFailure
                    | SnapshotFailure
                    | UncheckedIOException e) {
                throw new NodeException(
                        NodeException.Kind.UNAVAILABLE, "no sandbox could be started: " + e.getMessage(), e);
            }
        });
    }

    /** Remembers a create that an earlier run answered. */
    void adopt(Sandbox sandbox) {
        sandbox.entry()
                .claim()
                .ifPresent(claim -> sandbox.status()
                        .ifPresent(status -> requests.adopt(claim.requestId(), status.startedAt(), status)));
    }

    private SandboxStatus begin(CreateSandbox request) {
        requireUsable(request);
        Optional<SnapshotStore.Use> snapshot = context.snapshots().use(request.template(), request.buildId());
        if (snapshot.isPresent()) {
            try (SnapshotStore.Use use = snapshot.get()) {
                return fromSnapshot(request, use);
            }
        }
        SandboxRuntime runtime = runtimeFor(request);
        TemplateImage image = image(request.template(), request.buildId());
        SandboxKind kind =
                new SandboxKind(request.template(), request.buildId(), request.resources(), runtime.isolation());
        return placed(
                request,
                kind,
                request.environment(),
                () -> coldStart.start(kind, ColdStart.Origin.template(image), runtime));
    }

    private SandboxStatus fromSnapshot(CreateSandbox request, SnapshotStore.Use snapshot) {
        SnapshotRecord record = snapshot.record();
        Optional<MemoryImage> memory = request.useMemory() ? record.image() : Optional.empty();
        SandboxRuntime runtime =
                memory.map(image -> runtimeForMemory(request, image)).orElseGet(() -> runtimeFor(request));
        TemplateImage image = context.parts()
                .rootFileSystems()
                .find(record.base(), record.baseBuild())
                .orElseThrow(() -> new NodeException(
                        NodeException.Kind.UNAVAILABLE,
                        "snapshot '" + request.buildId() + "' stands on build '" + record.baseBuild()
                                + "' of template '" + record.base() + "', which this node does not have any more"));
        // A guest's memory fits its limits; and a disk has the size that it was made with.
        Resources resources = memory.map(MemoryImage::resources)
                .orElseGet(() -> new Resources(
                        request.resources().cpuCount(),
                        request.resources().memoryMegabytes(),
                        record.build().resources().diskMegabytes()));
        SandboxKind kind = new SandboxKind(request.template(), request.buildId(), resources, runtime.isolation());
        Map<String, String> environment = new HashMap<>(record.environment());
        environment.putAll(request.environment());
        return placed(
                request,
                kind,
                environment,
                () -> coldStart.start(
                        kind, new ColdStart.Origin(image, Optional.of(snapshot), memory.isPresent()), runtime));
    }

    private SandboxRuntime runtimeForMemory(CreateSandbox request, MemoryImage image) {
        Isolation isolation = image.isolation();
        boolean accepted =
                request.runtime().map(isolation::equals).orElse(true) && isolation.atLeast(request.weakestIsolation());
        return context.offered()
                .filter(runtime -> accepted && runtime.isolation() == isolation)
                .findFirst()
                .orElseThrow(() -> new NodeException(
                        NodeException.Kind.INVALID,
                        "the memory of snapshot '" + request.buildId() + "' is that of a " + isolation.wireName()
                                + " sandbox, which "
                                + (accepted ? "this node does not offer" : "the request does not accept")
                                + "; it can be started from its file system, without its memory"));
    }

    private SandboxStatus placed(
            CreateSandbox request, SandboxKind kind, Map<String, String> environment, Supplier<Sandbox> cold) {
        try (Lease waiting = context.foreground().enter();
                Leases leases = new Leases()) {
            if (stopping.getAsBoolean()) {
                throw new NodeException(NodeException.Kind.UNAVAILABLE, "this node is stopping");
            }
            Capacity.Promise promised = leases.add(context.capacity().reserve(kind.resources()));
            Sandbox sandbox = claimed(request, environment, promised, kind, cold);
            leases.keep();
            sandbox.event(
                    SandboxEvent.Type.CREATED,
                    "created",
                    Map.of(
                            "cause",
                            "api",
                            "build",
                            request.buildId(),
                            "runtime",
                            kind.isolation().wireName()));
            return sandbox.status()
                    .orElseThrow(() -> new NodeException(
                            NodeException.Kind.UNAVAILABLE, "the new sandbox " + sandbox.id() + " ended at once"));
        }
    }

    /** A sandbox that is now the request's: a warm one that still lives, else a new one. */
    private Sandbox claimed(
            CreateSandbox request,
            Map<String, String> environment,
            Capacity.Promise promised,
            SandboxKind kind,
            Supplier<Sandbox> cold) {
        JournalEntry.Claim claim = new JournalEntry.Claim(
                request.requestId(),
                request.teamId(),
                request.deadline(),
                request.accessToken(),
                environment,
                request.metadata(),
                request.network(),
                request.lifecycle());
        for (Optional<Sandbox> ready = warm.poll(kind); ready.isPresent(); ready = warm.poll(kind)) {
            if (claim(ready.get(), claim, promised)) {
                return ready.get();
            }
        }
        Sandbox started = watched(cold.get());
        if (claim(started, claim, promised)) {
            return started;
        }
        throw new NodeException(
                NodeException.Kind.UNAVAILABLE, "the new sandbox " + started.id() + " ended as soon as it was up");
    }

    /** False when the sandbox turned out to be dead; on failure nothing of it is left. */
    private boolean claim(Sandbox sandbox, JournalEntry.Claim claim, Capacity.Promise promised) {
        // In the map before it is claimed: whoever ends it from then on, a crash for example, finds it there.
        registry.add(sandbox);
        try {
            if (sandbox.claim(
                    claim,
                    promised,
                    context.parts().steps(),
                    status -> context.listeners().publish(listener -> listener.started(status)))) {
                return true;
            }
        } catch (RuntimeException e) {
            registry.remove(sandbox);
            try (sandbox) {
                throw e;
            }
        }
        registry.remove(sandbox);
        context.background().execute(sandbox::close);
        return false;
    }

    private Sandbox startWarm(SandboxKind kind) {
        SandboxRuntime runtime = context.runtime(kind.isolation()).orElseThrow();
        Sandbox sandbox =
                coldStart.start(kind, ColdStart.Origin.template(image(kind.template(), kind.buildId())), runtime);
        try {
            sandbox.rest(context.parts().warmUp());
        } catch (RuntimeException e) {
            try (sandbox) {
                throw e;
            }
        }
        return watched(sandbox);
    }

    private Sandbox watched(Sandbox sandbox) {
        ends.watch(sandbox, warm::remove);
        return sandbox;
    }

    private boolean worthWarming(SandboxKind kind) {
        return kind.resources().equals(usualOf(kind.template()))
                && kind.isolation() == strongest()
                && context.snapshots().find(kind.template(), kind.buildId()).isEmpty();
    }

    /** What sandboxes of a template usually have, where that is not the node's default. */
    void usually(TemplateId template, Resources resources) {
        usual.put(template, resources);
    }

    private Resources usualOf(TemplateId template) {
        return usual.getOrDefault(template, context.config().limits().resources());
    }

    private Isolation strongest() {
        return context.offered().findFirst().orElseThrow().isolation();
    }

    /** Keeps sandboxes of that build ready from now on, before anybody asks for one. */
    void keepWarm(TemplateId template, String buildId) {
        image(template, buildId);
        warm.keep(new SandboxKind(template, buildId, usualOf(template), strongest()));
    }

    private SandboxRuntime runtimeFor(CreateSandbox request) {
        return context.offered()
                .filter(runtime ->
                        request.runtime().map(runtime.isolation()::equals).orElse(true)
                                && runtime.isolation().atLeast(request.weakestIsolation()))
                .findFirst()
                .orElseThrow(() -> new NodeException(
                        NodeException.Kind.INVALID,
                        "this node offers "
                                + context.offered()
                                        .map(runtime -> runtime.isolation().wireName())
                                        .toList()
                                + "; the request wants "
                                + request.runtime()
                                        .map(wanted -> wanted.wireName() + " and ")
                                        .orElse("")
                                + "at least " + request.weakestIsolation().wireName()));
    }

    private static void requireUsable(CreateSandbox request) {
        try {
            SlotFactory.check(request.network());
        } catch (IllegalArgumentException e) {
            throw new NodeException(NodeException.Kind.INVALID, "network: " + e.getMessage(), e);
        }
    }

    private TemplateImage image(TemplateId template, String buildId) {
        return context.parts()
                .rootFileSystems()
                .find(template, buildId)
                .orElseThrow(() -> new NodeException(
                        NodeException.Kind.NOT_FOUND,
                        "this node has no build '" + buildId + "' of template '" + template + "'"));
    }
}
