package dev.holt.node.interpreter;

import dev.holt.http.HttpFailure;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.node.interpreter.jupyter.KernelSockets;
import dev.holt.node.interpreter.jupyter.MessageMemory;
import dev.holt.node.pool.Lease;
import dev.holt.wire.id.SandboxId;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernels of all sandboxes of a node. {@link InterpreterService} answers clients with it; the lifecycle tells it what becomes of
 * sandboxes.
 */
public final class Interpreter implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Interpreter.class);
    private static final Lease NOTHING = () -> {};

    private final MessageMemory memory;
    private final KernelSockets sockets;
    private final KernelStarter starter;
    private final Map<SandboxId, SandboxKernels> sandboxes = new ConcurrentHashMap<>();

    /** One that takes a quarter of the heap for messages. */
    public Interpreter() {
        this(MessageMemory.ofThisProcess(), KernelStarter.DIRECTORY);
    }

    /** @param directory in the guests, for connection files */
    Interpreter(MessageMemory memory, String directory) {
        this.memory = memory;
        this.sockets = new KernelSockets(memory);
        this.starter = new KernelStarter(sockets, directory);
    }

    MessageMemory memory() {
        return memory;
    }

    SandboxKernels of(InterpreterSandbox sandbox) {
        SandboxKernels kernels = sandboxes.computeIfAbsent(sandbox.id(), id -> fresh(sandbox.agent()));
        if (!kernels.isOf(sandbox)) {
            sandboxes.remove(sandbox.id(), kernels);
            kernels.forget();
            return sandboxes.computeIfAbsent(sandbox.id(), id -> fresh(sandbox.agent()));
        }
        return kernels;
    }

    private SandboxKernels fresh(GuestAgent agent) {
        return new SandboxKernels(agent, starter);
    }

    /**
     * Learns of the kernels of a sandbox that an earlier daemon, or the sandbox it was forked or resumed from, has started; they are
     * also learnt when they are first asked for. Asks the guest; fails as {@link GuestAgent} does.
     */
    public void adopt(InterpreterSandbox sandbox) {
        of(sandbox).merge();
    }

    /**
     * Breaks off every execution in a sandbox, in a way that clients notice, and frees all that is held for it. Its kernels run on if
     * it does, and are known again when they are asked for.
     */
    public void forget(SandboxId sandbox) {
        SandboxKernels kernels = sandboxes.remove(sandbox);
        if (kernels != null) {
            kernels.forget();
        }
    }

    /**
     * Starts the kernel of the standard Python context of a sandbox that is nobody's yet, and returns when it takes code; does nothing
     * where no Python kernel is installed. The connection to it stays, so that the first execution finds everything ready. Whatever
     * goes wrong is logged: the kernel is then started when it is needed.
     *
     * @return to be closed when the sandbox ends
     */
    public Lease warm(SandboxId id, GuestAgent agent) {
        return warm(new InterpreterSandbox(id, agent, Optional.empty(), Map.of()));
    }

    Lease warm(InterpreterSandbox sandbox) {
        SandboxId id = sandbox.id();
        try {
            KernelSpecs specs = new KernelSpecs(sandbox.agent(), sandbox.environment());
            if (!specs.languages().contains(Languages.PYTHON)
                    || !specs.require(Languages.PYTHON).warm()) {
                return NOTHING;
            }
            Kernel unused = of(sandbox).standard(sandbox, Languages.PYTHON).start(sandbox);
        } catch (HttpFailure | KernelFailure | GuestFailure failure) {
            log.warn("the Python kernel of the new sandbox {} was not started ahead: {}", id, failure.getMessage());
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
        }
        return () -> forget(id);
    }

    @Override
    public void close() {
        sandboxes.keySet().forEach(this::forget);
        sockets.close();
    }
}
