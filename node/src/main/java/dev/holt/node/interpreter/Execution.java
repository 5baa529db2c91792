package dev.holt.node.interpreter;

import dev.holt.node.guest.GuestFailure;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.node.interpreter.jupyter.KernelLink;
import dev.holt.node.interpreter.output.Outputs;
import java.io.IOException;
import java.util.Map;

/**
 * One piece of code being run in a context whose turn it is: what is wanted, and what is told of it in the end.
 *
 * @param variables for this run only
 */
record Execution(
        InterpreterSandbox sandbox, Context context, String code, Map<String, String> variables, Client client) {
    /** The client of an execution. */
    interface Client {
        /** What it is told. */
        Outputs outputs();

        /** Sends what it was told. */
        void flush() throws IOException;

        /** Whether it was told something that was not sent. */
        boolean isDirty();

        /** When something was last sent, as {@link System#nanoTime}. */
        long lastFlush();

        /** Whether it has gone, so that nobody is to be told anything. */
        boolean gone();

        /** From now on {@code link} is woken when it goes. */
        void watch(KernelLink link);
    }

    /** What {@link #run} came to. */
    enum End {
        /** The client was told everything. */
        TOLD,
        /** The client has gone, or is to be broken off. */
        BROKEN
    }

    /**
     * Runs it and tells the client all but the end of the stream.
     *
     * @throws dev.holt.http.HttpFailure when there is no kernel and none can be started
     */
    End run() throws InterruptedException {
        Context.Ready ready;
        try {
            ready = context.ready(sandbox);
        } catch (KernelFailure failure) {
            return tell(failure);
        }
        Cell cell = new Cell(this, ready);
        try {
            if (ready.notice().isPresent()) {
                client.outputs().notice(ready.notice().get());
            }
            cell.toTheEnd();
            return client.gone() ? End.BROKEN : End.TOLD;
        } catch (KernelFailure failure) {
            cell.abandon();
            KernelFailure cause = cause(ready.kernel(), failure);
            if (cause.kind() == KernelFailure.Kind.DIED) {
                context.replace(ready.kernel(), sandbox);
            }
            return tell(cause);
        } catch (IOException gone) {
            cell.interrupt();
            return End.BROKEN;
        } finally {
            cell.leave();
        }
    }

    /** Why a link really failed: a broken connection is what the end of a process looks like first. */
    private static KernelFailure cause(Kernel kernel, KernelFailure failure) throws InterruptedException {
        if (failure.kind() != KernelFailure.Kind.DISCONNECTED) {
            return failure;
        }
        try {
            return kernel.awaitEnd()
                    .map(end -> new KernelFailure(KernelFailure.Kind.DIED, end))
                    .orElse(failure);
        } catch (GuestFailure sandboxGone) {
            // its agent is gone too: whoever ended or froze it will say so
            return new KernelFailure(KernelFailure.Kind.FORGOTTEN, "the sandbox went away");
        }
    }

    private End tell(KernelFailure failure) {
        String name = switch (failure.kind()) {
            case DISCONNECTED, UNHEARD -> "KernelDisconnected";
            case TOO_LARGE -> "OutputTooLarge";
            case MALFORMED -> "KernelProtocolError";
            case NOT_RESPONDING -> "KernelNotResponding";
            case DIED -> "KernelDied";
            case RESTARTED -> "ContextRestarted";
            case REMOVED -> "ContextRemoved";
            case CUT_OFF -> "SandboxInterrupted";
            case FORGOTTEN -> "";
        };
        if (name.isEmpty()) {
            return End.BROKEN;
        }
        String more = failure.kind() == KernelFailure.Kind.DIED
                ? " while it ran this code; the context goes on with a new kernel, and variables are gone"
                : "";
        try {
            client.outputs().error(name, failure.text() + more, "");
            return End.TOLD;
        } catch (IOException gone) {
            return End.BROKEN;
        }
    }
}
