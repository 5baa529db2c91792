package dev.holt.node;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.image.ImageFailure;
import dev.holt.node.network.Slot;
import dev.holt.node.process.CommandFailure;
import dev.holt.node.runtime.RuntimeFailure;
import dev.holt.node.snapshot.FileSum;
import dev.holt.node.snapshot.MemoryImage;
import dev.holt.node.snapshot.PauseRecord;
import dev.holt.node.snapshot.SnapshotFailure;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.Resumed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a sandbox of which nothing runs back from the best that is left: the memory image of its last pause, else the pause before
 * it, else its file system. The caller holds its lock and has made it RESUMING; when nothing works, everything that was there still is.
 */
final class Comeback {
    private static final Logger log = LoggerFactory.getLogger(Comeback.class);

    private final NodeContext context;
    private final Launch launch;

    Comeback(NodeContext context, Launch launch) {
        this.context = context;
        this.launch = launch;
    }

    /**
     * How it came back.
     *
     * @param fallback what better way there was, and why it did not work
     */
    record Outcome(Body body, Resumed.Way way, Optional<String> fallback) {}

    /** Why a way did not work: the next may. Whatever else fails has nothing to do with what is kept, and would fail again. */
    private static final class NoWay extends Exception {
        private static final long serialVersionUID = 1L;

        NoWay(String why, Throwable cause) {
            super(why, cause);
        }
    }

    /** @param ways in the order in which they are tried */
    Outcome run(Sandbox sandbox, List<Resumed.Way> ways) {
        List<String> problems = new ArrayList<>();
        for (Resumed.Way way : ways) {
            try {
                Optional<Body> body = attempt(sandbox, way);
                if (body.isPresent()) {
                    return new Outcome(
                            body.get(),
                            way,
                            problems.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", problems)));
                }
            } catch (NoWay e) {
                log.warn("sandbox {} can't come back {}: {}", sandbox.id(), way.wireName(), e.getMessage(), e);
                problems.add(way.wireName() + " was not possible: " + e.getMessage());
            }
            if (Thread.currentThread().isInterrupted()) {
                break; // its time is over
            }
        }
        throw new NodeException(
                NodeException.Kind.UNAVAILABLE,
                "sandbox " + sandbox.id() + " could not be brought back: "
                        + (problems.isEmpty() ? "nothing is left of it" : String.join("; ", problems)));
    }

    /** Empty when there is no such way. */
    private Optional<Body> attempt(Sandbox sandbox, Resumed.Way way) throws NoWay {
        try {
            return switch (way) {
                case RESTORED -> restored(sandbox);
                case PREVIOUS -> previous(sandbox);
                case BOOTED -> Optional.of(booted(sandbox));
                case RAN -> throw new IllegalArgumentException("that is no way back");
            };
        } catch (SnapshotFailure | ImageFailure | RuntimeFailure | GuestFailure | CommandFailure e) {
            throw new NoWay(String.valueOf(e.getMessage()), e);
        } catch (NodeException e) {
            if (e.kind() == NodeException.Kind.UNAVAILABLE) {
                throw new NoWay(String.valueOf(e.getMessage()), e);
            }
            throw e;
        }
    }

    // ---- from the memory image --------------------------------------------------------------------------------------

    private Optional<Body> restored(Sandbox sandbox) throws NoWay {
        Optional<PauseRecord> record = record(sandbox);
        return record.isPresent() && record.get().memory() == MemoryKept.DISK
                ? Optional.of(restored(sandbox, record.get()))
                : Optional.empty();
    }

    private static Optional<PauseRecord> record(Sandbox sandbox) {
        int generation = sandbox.entry().generation();
        if (generation == 0 || sandbox.entry().pause().isEmpty()) {
            return Optional.empty(); // what it was at its last pause is not what it was in the end
        }
        Optional<PauseRecord> record = sandbox.pauses().find(generation);
        if (record.isEmpty()) {
            throw new SnapshotFailure(
                    "the record of pause " + generation + " of sandbox " + sandbox.id() + " is missing");
        }
        return record;
    }

    private Body restored(Sandbox sandbox, PauseRecord record) {
        sandbox.pauses().verifyMemory(record, context.verified());
        requirePrograms(record.image().orElseThrow());
        if (record.disk().isPresent()) {
            context.verified().verify(record.disk().get(), sandbox.root().image());
        } else {
            sandbox.root().check(); // it was synced when the memory was written, and then the host stopped
        }
        context.taken(StateStep.RESUME_VERIFIED, sandbox);
        Run run = new Run(sandbox);
        try {
            return run.restore(record);
        } catch (RuntimeException first) {
            PauseRecord still = after(run, record, first);
            if (run.guestRan || Thread.currentThread().isInterrupted() || !(first instanceof RuntimeFailure)) {
                throw first;
            }
            log.warn("sandbox {} is restored a second time", sandbox.id(), first);
            Run again = new Run(sandbox);
            try {
                return again.restore(still);
            } catch (RuntimeException second) {
                after(again, still, second);
                throw second;
            }
        }
    }

    /**
     * Puts what a failed restore did to the disk right: mounting alone changes its image, and a guest that ran may have changed
     * its content, so that the memory does not match it any more.
     */
    private PauseRecord after(Run run, PauseRecord record, RuntimeException failure) {
        Sandbox sandbox = run.sandbox;
        boolean interrupted = Thread.interrupted();
        try {
            sandbox.root().unmount();
            PauseRecord now = record;
            if (run.guestRan && record.copy().isPresent()) {
                Path copy = sandbox.pauses().copy(record.generation());
                sandbox.root().swap(copy);
                sandbox.root().dropAside();
                now = record.withCopy(Optional.empty());
            } else if (run.guestRan) {
                now = record.withoutMemory();
            }
            now = now.withDisk(context.verified().sum(sandbox.root().image(), "disk"));
            sandbox.pauses().commit(now);
            return now;
        } catch (RuntimeException e) {
            failure.addSuppressed(e);
            throw failure;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Ends what came back and could not be made to count; what it wrote until then makes the memory image useless. */
    void giveUp(Sandbox sandbox) {
        try {
            sandbox.guest().end();
            sandbox.root().unmount();
            Optional<PauseRecord> record = record(sandbox);
            if (record.isPresent()) {
                Run run = new Run(sandbox);
                run.guestRan = true;
                after(run, record.get(), new IllegalStateException("what came back was given up"));
            }
        } catch (RuntimeException e) {
            log.error("what came back of sandbox {} could not be put away in order", sandbox.id(), e);
        }
    }

    private static void requirePrograms(MemoryImage image) {
        List<String> files = new ArrayList<>(List.of(image.agent()));
        image.bindFiles().forEach(file -> files.add(file.hostFile()));
        for (String file : files) {
            if (!Files.exists(Path.of(file))) {
                throw new SnapshotFailure("'" + file + "', which the guest had open when it was paused, is missing");
            }
        }
    }

    // ---- from the pause before --------------------------------------------------------------------------------------

    private Optional<Body> previous(Sandbox sandbox) throws NoWay {
        int generation = sandbox.entry().generation();
        Optional<PauseRecord> earlier = sandbox.pauses()
                .newestBefore(sandbox.entry().pause().isPresent() ? generation : generation + 1)
                .filter(record -> record.image().isPresent() && record.copy().isPresent());
        if (earlier.isEmpty()) {
            return Optional.empty();
        }
        PauseRecord record = earlier.get();
        Path copy = sandbox.pauses().copy(record.generation());
        FileSum sum = record.copy().orElseThrow();
        context.verified().verify(sum, copy);
        sandbox.pauses().verifyMemory(record, context.verified());
        requirePrograms(record.image().orElseThrow());
        sandbox.root().unmount();
        sandbox.root().swap(copy);
        Run run = new Run(sandbox);
        try {
            Body body = run.restore(record);
            keepNewest(sandbox, record);
            return Optional.of(body);
        } catch (RuntimeException e) {
            sandbox.root().unmount();
            sandbox.root().restoreAside();
            throw e;
        }
    }

    /** The files of now are not given up for those of then: they stay beside, as the disk of the generation that was left. */
    private static void keepNewest(Sandbox sandbox, PauseRecord used) {
        try {
            sandbox.pauses().moveIn(used.withoutMemory(), sandbox.root().aside());
        } catch (SnapshotFailure e) {
            log.warn(
                    "the newest files of sandbox {} stay in '{}'",
                    sandbox.id(),
                    sandbox.root().aside(),
                    e);
        }
    }

    // ---- from the file system ---------------------------------------------------------------------------------------

    private Body booted(Sandbox sandbox) {
        if (!sandbox.root().mounted() && !atRestAsPaused(sandbox)) {
            sandbox.root().unmount();
            sandbox.root().check().ifPresent(repair -> log.warn("the disk of sandbox {} was {}", sandbox.id(), repair));
        }
        context.taken(StateStep.RESUME_VERIFIED, sandbox);
        Run run = new Run(sandbox);
        try {
            return run.boot();
        } catch (RuntimeException e) {
            boolean interrupted = Thread.interrupted();
            sandbox.root().unmount();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            throw e;
        }
    }

    private boolean atRestAsPaused(Sandbox sandbox) {
        try {
            Optional<FileSum> sum = record(sandbox).flatMap(PauseRecord::disk);
            if (sum.isPresent()) {
                context.verified().verify(sum.get(), sandbox.root().image());
                return true;
            }
            return false;
        } catch (SnapshotFailure e) {
            log.warn("the disk of sandbox {} will be checked: {}", sandbox.id(), e.getMessage());
            return false;
        }
    }

    /** One try to get a guest to run on the sandbox's own disk. */
    private final class Run implements Launch.Progress {
        private final Sandbox sandbox;
        private boolean guestRan;
        private Optional<AgentToken> known = Optional.empty();

        Run(Sandbox sandbox) {
            this.sandbox = sandbox;
        }

        Body restore(PauseRecord record) {
            MemoryImage image = record.image().orElseThrow();
            known = Optional.of(image.token());
            open();
            return launch.restore(
                    order(),
                    image,
                    sandbox.pauses().memory(record.generation()),
                    context.resumeLimit(sandbox.kind()),
                    this);
        }

        Body boot() {
            open();
            return launch.boot(order(), this);
        }

        private void open() {
            sandbox.note(sandbox.entry().with().step(Transition.Step.OPENED).entry());
            sandbox.root().mount();
            context.taken(StateStep.RESUME_MOUNTED, sandbox);
        }

        private Launch.Order order() {
            return new Launch.Order(
                    sandbox.id(),
                    sandbox.frame().directory(),
                    sandbox.root(),
                    context.runtimeOf(sandbox),
                    sandbox.kind().resources(),
                    Optional.of(sandbox.entry().network()),
                    false);
        }

        @Override
        public void slot(Slot slot, AgentToken token) {
            sandbox.note(sandbox.entry()
                    .with()
                    .starting(context.bootId(), slot.number(), context.addresses(), token, known)
                    .entry());
            context.taken(StateStep.RESUME_SLOT, sandbox);
        }

        @Override
        public void instance() {
            guestRan = true;
            context.taken(StateStep.RESUME_INSTANCE, sandbox);
        }

        @Override
        public void agent() {
            context.taken(StateStep.RESUME_AGENT, sandbox);
        }
    }
}
