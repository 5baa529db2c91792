package dev.holt.node.runtime;

import dev.holt.node.linux.ProcessIdentity;
import dev.holt.wire.id.SandboxId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/** A running instance of an OCI engine, known by the identity of its first process (gVisor: of its sentry). */
final class OciInstance implements RuntimeInstance {
    private final SandboxId id;
    private final ProcessIdentity firstProcess;
    private final CompletableFuture<Void> end;
    private final Remains remains;
    private final Checkpoints checkpoints;
    private final Suspension suspension;
    private final ReentrantLock suspending = new ReentrantLock();
    /** Empty when an earlier daemon may have suspended it. Guarded by the lock. */
    private Optional<Boolean> suspended;

    OciInstance(
            SandboxId id,
            ProcessIdentity firstProcess,
            CompletableFuture<Void> end,
            Remains remains,
            Optional<Boolean> suspended) {
        this.id = id;
        this.firstProcess = firstProcess;
        this.end = end;
        this.remains = remains;
        this.suspended = suspended;
        this.checkpoints = new Checkpoints(remains);
        this.suspension = remains.engine().suspension(remains, id);
    }

    @Override
    public SandboxId id() {
        return id;
    }

    @Override
    public boolean alive() {
        return !end.isDone() && firstProcess.alive();
    }

    @Override
    public void awaitEnd() throws InterruptedException {
        try {
            end.get();
        } catch (ExecutionException e) {
            throw new RuntimeFailure("the end of sandbox " + id + " can't be watched for", e);
        }
    }

    @Override
    public ResourceUsage usage() {
        return remains.cgroups().usage(remains.group(id));
    }

    @Override
    public void freeze() {
        remains.cgroups().freeze(remains.group(id));
    }

    @Override
    public void thaw() {
        remains.cgroups().thaw(remains.group(id));
    }

    @Override
    public void suspend(Duration limit) {
        suspending.lock();
        try {
            if (!isSuspended(limit)) {
                suspension.begin(limit);
                suspended = Optional.of(true);
            }
        } finally {
            suspending.unlock();
        }
    }

    @Override
    public void proceed(Duration limit) {
        suspending.lock();
        try {
            boolean certain = suspended.isPresent();
            if (!isSuspended(limit)) {
                return;
            }
            suspension.end(limit);
            suspended = Optional.of(false);
            if (!certain) {
                awaitProgress(limit);
            }
        } finally {
            suspending.unlock();
        }
    }

    private boolean isSuspended(Duration limit) {
        boolean found = suspended.isPresent() ? suspended.get() : suspension.stands(limit);
        suspended = Optional.of(found);
        return found;
    }

    /** Whoever suspended it may have done so twice: then it is not for us to guess how often it has to be undone. */
    private void awaitProgress(Duration limit) {
        long deadline = System.nanoTime() + limit.toNanos();
        while (suspension.stands(limit)) {
            if (System.nanoTime() > deadline) {
                throw new RuntimeFailure(
                        "sandbox " + id + " was let go on and still stands after " + limit.toMillis() + " ms");
            }
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Override
    public void checkpoint(Path imageDirectory, ImageWitness witness, Duration limit) {
        suspending.lock();
        try {
            if (!isSuspended(limit)) {
                throw new IllegalStateException("sandbox " + id + " must be suspended for a checkpoint");
            }
            checkpoints.write(this, imageDirectory, witness, limit);
        } finally {
            suspending.unlock();
        }
    }

    @Override
    public void attend(boolean attended) {
        remains.engine().attend(remains.cgroups().processes(remains.group(id)), attended);
    }

    @Override
    public void close() {
        remains.end(id);
    }

    @Override
    public String toString() {
        return remains.engine().name() + " instance " + id + " (process " + firstProcess.pid() + ")";
    }
}
