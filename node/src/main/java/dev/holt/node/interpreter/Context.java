package dev.holt.node.interpreter;

import dev.holt.http.HttpFailure;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.node.interpreter.jupyter.KernelLink;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A place with variables of its own to run code in: a kernel, or the promise of one. Code runs in it one after another, by
 * {@link #turns}; it survives its kernel.
 */
final class Context {
    private static final Logger log = LoggerFactory.getLogger(Context.class);

    private final String id;
    private final String language;
    private final String workingDirectory;
    private final Instant created;
    private final boolean standard;
    private final KernelStarter starter;
    private final Turns turns = new Turns();

    /** Held while a kernel is started or ended: it takes seconds. */
    private final ReentrantLock starting = new ReentrantLock();

    private volatile @Nullable Kernel kernel;
    /** Digest of the sandbox's variables that the kernel has. */
    private volatile String applied = "";

    private @Nullable KernelFailure over;

    /** @param standard whether it is the one that code without a context runs in */
    Context(
            String id,
            String language,
            String workingDirectory,
            Instant created,
            boolean standard,
            KernelStarter starter) {
        this.id = id;
        this.language = language;
        this.workingDirectory = workingDirectory;
        this.created = created;
        this.standard = standard;
        this.starter = starter;
    }

    String id() {
        return id;
    }

    String language() {
        return language;
    }

    String workingDirectory() {
        return workingDirectory;
    }

    Instant created() {
        return created;
    }

    boolean standard() {
        return standard;
    }

    Turns turns() {
        return turns;
    }

    /** Whether its kernel has the sandbox's variables as {@code digest} tells them. */
    boolean hasEnvironment(String digest) {
        return applied.equals(digest);
    }

    void environmentApplied(String digest) {
        applied = digest;
    }

    /** Whether there is a kernel, and a connection to it. */
    boolean isConnected() {
        Kernel current = kernel;
        return current != null && current.isConnected();
    }

    /** Takes a kernel over that runs already. */
    void adopt(Kernel found) {
        kernel = found;
        applied = Snippets.usesProcessEnvironment(language) ? found.record().environmentDigest() : "";
    }

    /**
     * A kernel that takes code.
     *
     * @param notice that its variables are gone, because the one before had died, unless that was told already
     */
    record Ready(Kernel kernel, KernelLink link, Optional<String> notice) {}

    /**
     * The kernel, started if there is none. For whoever has the turn.
     *
     * @throws HttpFailure when it can't be started
     * @throws KernelFailure NOT_RESPONDING, REMOVED, FORGOTTEN
     */
    Ready ready(InterpreterSandbox sandbox) throws InterruptedException {
        Optional<String> notice = Optional.empty();
        for (int attempt = 0; ; attempt++) {
            Kernel current = kernel(sandbox);
            try {
                return new Ready(current, current.ready(), notice);
            } catch (KernelFailure failure) {
                boolean again =
                        failure.kind() == KernelFailure.Kind.DIED || failure.kind() == KernelFailure.Kind.RESTARTED;
                if (!again || attempt == 2) {
                    throw failure;
                }
                if (failure.kind() == KernelFailure.Kind.DIED) {
                    notice = Optional.of(lossNotice(failure.text()));
                    drop(current);
                }
            }
        }
    }

    static String lossNotice(String why) {
        return "since the last execution " + why + "; a new one was started, and variables are gone";
    }

    /** The kernel, started if there is none. */
    private Kernel kernel(InterpreterSandbox sandbox) throws InterruptedException {
        Kernel current = kernel;
        return current == null ? start(sandbox) : current;
    }

    /** Starts a kernel if there is none. */
    Kernel start(InterpreterSandbox sandbox) throws InterruptedException {
        starting.lockInterruptibly();
        try {
            requireKept();
            Kernel current = kernel;
            return current == null ? startNew(sandbox) : current;
        } finally {
            starting.unlock();
        }
    }

    private Kernel startNew(InterpreterSandbox sandbox) throws InterruptedException {
        KernelSpec spec = new KernelSpecs(sandbox.agent(), sandbox.environment()).require(language);
        Kernel started;
        try {
            started = starter.start(sandbox.agent(), wanted(sandbox, spec, workingDirectory));
        } catch (HttpFailure failure) {
            if (!standard || !KernelStarter.isMissingDirectory(failure)) {
                throw failure;
            }
            started = starter.start(sandbox.agent(), wanted(sandbox, spec, "/"));
        }
        kernel = started;
        applied = Snippets.usesProcessEnvironment(language) ? started.record().environmentDigest() : "";
        return started;
    }

    private KernelStarter.Wanted wanted(InterpreterSandbox sandbox, KernelSpec spec, String directory) {
        return new KernelStarter.Wanted(id, language, directory, created, spec, sandbox.environment());
    }

    /** The kernel if there is one. */
    Optional<Kernel> current() {
        return Optional.ofNullable(kernel);
    }

    /** Forgets a kernel that has died, and begins to start another: its death was told, and whoever comes next is to wait less. */
    void replace(Kernel dead, InterpreterSandbox sandbox) {
        drop(dead);
        Thread.ofVirtual().name("kernel-" + id).start(() -> {
            try {
                Kernel unused = start(sandbox);
            } catch (HttpFailure | KernelFailure | GuestFailure later) {
                log.debug("context {} has no kernel until code is run in it: {}", id, later.getMessage());
            } catch (InterruptedException nobodyInterruptsIt) {
                Thread.currentThread().interrupt();
            }
        });
    }

    /** Forgets a kernel that has died. */
    void drop(Kernel dead) {
        starting.lock();
        try {
            dead.leave(new KernelFailure(KernelFailure.Kind.DIED, "the kernel has ended"));
            if (kernel == dead) {
                kernel = null;
            }
        } finally {
            starting.unlock();
        }
    }

    /** Ends the kernel with all its variables and starts another. Code that runs is told. */
    void restart(InterpreterSandbox sandbox) throws InterruptedException {
        starting.lockInterruptibly();
        try {
            requireKept();
            Kernel current = kernel;
            if (current != null) {
                kernel = null;
                current.kill(new KernelFailure(
                        KernelFailure.Kind.RESTARTED, "the context was restarted while this code ran"));
            }
            startNew(sandbox);
        } finally {
            starting.unlock();
        }
    }

    /** Ends the kernel for good. Code that runs is told. */
    void remove() {
        end(new KernelFailure(KernelFailure.Kind.REMOVED, "the context was removed"), true);
    }

    /** Lets go of the kernel for good; it runs on. Whoever runs code is broken off. */
    void forget() {
        end(new KernelFailure(KernelFailure.Kind.FORGOTTEN, "the sandbox went away"), false);
    }

    private void end(KernelFailure why, boolean kill) {
        Kernel current = kernel;
        if (current != null) {
            current.leave(why); // whoever waits for it lets go at once, though another may be starting
        }
        starting.lock();
        try {
            over = why;
            current = kernel;
            kernel = null;
            if (current != null && kill) {
                current.kill(why);
            } else if (current != null) {
                current.leave(why);
            }
        } finally {
            starting.unlock();
        }
    }

    /**
     * Closes every connection to the kernel, for a moment or longer; whoever uses it next connects again.
     *
     * @param why what is told to those who use it
     * @param broken whether code that runs has lost its client with that
     * @return the ports that it was connected to
     */
    Set<Integer> rest(KernelFailure why, boolean broken) {
        Kernel current = kernel;
        if (current == null) {
            return Set.of();
        }
        if (broken) {
            current.leaveUnsettled();
        }
        return current.rest(why) ? current.record().ports().all() : Set.of();
    }

    private void requireKept() {
        if (over != null) {
            throw over;
        }
    }
}
