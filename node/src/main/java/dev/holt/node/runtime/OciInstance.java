package dev.holt.node.runtime;

import dev.holt.node.linux.ProcessIdentity;
import dev.holt.wire.id.SandboxId;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** A running instance of an OCI engine, known by the identity of its first process (gVisor: of its sentry). */
final class OciInstance implements RuntimeInstance {
    private final SandboxId id;
    private final ProcessIdentity firstProcess;
    private final CompletableFuture<Void> end;
    private final Remains remains;

    OciInstance(SandboxId id, ProcessIdentity firstProcess, CompletableFuture<Void> end, Remains remains) {
        this.id = id;
        this.firstProcess = firstProcess;
        this.end = end;
        this.remains = remains;
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
    public void close() {
        remains.end(id);
    }

    @Override
    public String toString() {
        return remains.engine().name() + " instance " + id + " (process " + firstProcess.pid() + ")";
    }
}
