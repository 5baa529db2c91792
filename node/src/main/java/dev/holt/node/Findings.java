package dev.holt.node;

import dev.holt.node.image.RootFileSystem;
import dev.holt.node.image.TemplateImage;
import dev.holt.node.runtime.RuntimeInstance;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.node.snapshot.PauseRecord;
import dev.holt.node.snapshot.PauseStore;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.nodeapi.MemoryKept;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What an earlier run left of one sandbox, found without changing anything; and what is to become of it. */
record Findings(
        JournalEntry entry,
        Optional<SandboxRuntime> runtime,
        TemplateImage image,
        Optional<RootFileSystem> root,
        Optional<RuntimeInstance> instance,
        boolean sameBoot,
        boolean whole,
        Optional<PauseRecord> committed) {
    private static final Logger log = LoggerFactory.getLogger(Findings.class);

    /** What is to become of a sandbox. */
    enum Fate {
        /** Its instance is taken over, and made to run if it stands still. */
        RUNS,
        /** Its instance is taken over and goes on standing still. */
        STANDS,
        /** What it was is on disk; an instance of it is ended. */
        RESTS,
        /** Its disk is what is left. */
        LOST,
        /** It ends. */
        ENDS
    }

    /** Looks at everything. */
    static Findings of(JournalEntry entry, NodeContext context) {
        boolean sameBoot = entry.bootId().equals(context.bootId());
        Optional<SandboxRuntime> runtime = context.runtime(entry.kind().isolation());
        Optional<TemplateImage> known = context.parts()
                .rootFileSystems()
                .find(entry.base().template(), entry.base().buildId());
        TemplateImage image = known.orElseGet(() -> new TemplateImage(
                entry.base().template(), entry.base().buildId(), List.of(), "root", Optional.empty()));
        Optional<RootFileSystem> root = context.parts()
                .rootFileSystems()
                .adopt(entry.id(), context.journal().directory(entry.id()), image);
        Optional<RuntimeInstance> instance = runtime.filter(r -> sameBoot).flatMap(r -> r.find(entry.id()));
        boolean whole = instance.isPresent()
                && known.isPresent()
                && root.map(RootFileSystem::mounted).orElse(false)
                && entry.addresses().equals(context.addresses())
                && entry.slot() != JournalEntry.NO_SLOT
                && context.parts().slots().exists(entry.slot());
        return new Findings(entry, runtime, image, root, instance, sameBoot, whole, committed(entry, context));
    }

    /** A pause that is durable although the journal does not say so: the daemon or the host stopped in between. */
    private static Optional<PauseRecord> committed(JournalEntry entry, NodeContext context) {
        boolean pausing = entry.state() == Phase.PAUSING;
        if (!pausing && (entry.state() != Phase.RUNNING || entry.bootId().equals(context.bootId()))) {
            return Optional.empty();
        }
        try {
            PauseStore pauses = new PauseStore(context.journal().directory(entry.id()));
            return pauses.newestBefore(Integer.MAX_VALUE)
                    .filter(record -> record.generation() > entry.generation()
                            || (pausing && entry.isKept() && record.generation() == entry.generation()));
        } catch (SnapshotFailure e) {
            log.warn("the pauses of sandbox {} can't be looked at: {}", entry.id(), e.getMessage());
            return Optional.empty();
        }
    }

    boolean hadMemoryInHost() {
        return entry.pause().map(pause -> pause.memory() == MemoryKept.HOST).orElse(false);
    }

    Fate fate() {
        if (entry.state() == Phase.ENDING || entry.state() == Phase.ENDED) {
            return Fate.ENDS;
        }
        if (entry.state() == Phase.WARM) {
            return whole ? Fate.RUNS : Fate.ENDS;
        }
        if (root.isEmpty()) {
            return Fate.ENDS;
        }
        return switch (entry.state()) {
            case RUNNING, CAPTURING -> {
                if (committed.isPresent()) {
                    yield Fate.RESTS;
                }
                boolean crashed = sameBoot && instance.isEmpty() && runtime.isPresent() && entry.generation() == 0;
                yield whole ? Fate.RUNS : crashed ? Fate.ENDS : Fate.LOST;
            }
            case PAUSING -> {
                if (committed.isPresent()) {
                    boolean stands = whole && committed.get().memory() == MemoryKept.HOST;
                    yield stands ? Fate.STANDS : Fate.RESTS;
                }
                yield whole ? Fate.RUNS : Fate.LOST;
            }
            case PAUSED -> whole && hadMemoryInHost() ? Fate.STANDS : Fate.RESTS;
            case RESUMING -> {
                boolean mayRun = entry.way().step() == Transition.Step.STARTED || hadMemoryInHost();
                yield whole && mayRun ? Fate.RUNS : entry.way().from() == Phase.LOST ? Fate.LOST : Fate.RESTS;
            }
            case ROLLING_BACK -> {
                boolean stood =
                        entry.way().from() == Phase.PAUSED && entry.way().step() == Transition.Step.BEGUN;
                if (whole) {
                    yield stood ? Fate.STANDS : Fate.RUNS;
                }
                yield entry.way().from() == Phase.PAUSED ? Fate.RESTS : Fate.LOST;
            }
            case LOST -> Fate.LOST;
            case WARM, ENDING, ENDED -> Fate.ENDS;
        };
    }
}
