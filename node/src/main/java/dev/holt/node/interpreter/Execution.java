package dev.holt.node.interpreter;

import dev.holt.node.guest.GuestFailure;
import dev.holt.node.interpreter.jupyter.Channel;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.node.interpreter.jupyter.KernelLink;
import dev.holt.node.interpreter.jupyter.KernelMessage;
import dev.holt.node.interpreter.output.Outputs;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/** One piece of code being run in a context whose turn it is: sends it, and tells the client what comes of it. */
final class Execution {
    /** Languages whose kernel sends results behind the end of a cell, how long one is waited for, and all of them together. */
    private static final Set<String> LATE_TELLERS = Set.of("javascript", "typescript");

    private static final Duration LATE = Duration.ofMillis(5);
    private static final Duration LATE_RESULTS = Duration.ofMillis(50);
    private static final Duration KEEPALIVE = Duration.ofSeconds(5);
    /** How long a kernel may be silent before it is looked whether its process is stopped or gone. */
    private static final Duration SILENCE = Duration.ofSeconds(10);
    /** How long the second of the two signs that code has ended may take. */
    private static final Duration LAST_SIGN = Duration.ofSeconds(5);

    /** What comes within this is sent together: to a client each piece is a wake-up. */
    private static final Duration TOGETHER = Duration.ofMillis(1);
    /** How long something may be held back for more to come. */
    private static final Duration HELD = Duration.ofMillis(5);

    private static final Duration[] INTERRUPTS = {Duration.ZERO, Duration.ofSeconds(2), Duration.ofSeconds(5)};
    private static final Duration INTERRUPT_PATIENCE = Duration.ofSeconds(10);

    private final InterpreterSandbox sandbox;
    private final Context context;
    private final String code;
    private final Map<String, String> variables;
    private final Client client;

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

    Execution(InterpreterSandbox sandbox, Context context, String code, Map<String, String> variables, Client client) {
        this.sandbox = sandbox;
        this.context = context;
        this.code = code;
        this.variables = variables;
        this.client = client;
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
        Run run = new Run(ready.kernel(), ready.link());
        try {
            if (ready.notice().isPresent()) {
                client.outputs().notice(ready.notice().get());
            }
            run.toTheEnd();
            return client.gone() ? End.BROKEN : End.TOLD;
        } catch (KernelFailure failure) {
            run.abandon();
            KernelFailure cause = cause(ready.kernel(), failure);
            if (cause.kind() == KernelFailure.Kind.DIED) {
                context.replace(ready.kernel(), sandbox);
            }
            return tell(cause);
        } catch (IOException gone) {
            run.interrupt();
            return End.BROKEN;
        } finally {
            ready.link().attend(false);
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
            case DISCONNECTED -> "KernelDisconnected";
            case TOO_LARGE -> "OutputTooLarge";
            case MALFORMED -> "KernelProtocolError";
            case NOT_RESPONDING -> "KernelNotResponding";
            case DIED -> "KernelDied";
            case RESTARTED -> "ContextRestarted";
            case REMOVED -> "ContextRemoved";
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

    /** The code in one kernel. */
    private final class Run {
        private final Kernel kernel;
        private final KernelLink link;
        private final Set<String> preparations = new HashSet<>();
        private String request = "";
        private @Nullable String restore;
        private boolean replied;
        private boolean idle;
        private boolean resulted;

        Run(Kernel kernel, KernelLink link) {
            this.kernel = kernel;
            this.link = link;
        }

        /** Until the code has ended, or the client has gone and the code was interrupted. */
        void toTheEnd() throws IOException, InterruptedException {
            client.watch(link);
            prepare();
            request = execute(code, false);
            long lastNews = System.nanoTime();
            long looked = lastNews;
            long heldSince = lastNews;
            while (!replied || !idle) {
                if (client.gone()) {
                    interrupt();
                    return;
                }
                try (KernelLink.Taken next = link.poll(patience())) {
                    long now = System.nanoTime();
                    if (next != null) {
                        lastNews = now;
                        looked = now;
                        heldSince = client.isDirty() ? heldSince : now;
                        take(next.message());
                        if (now - heldSince < HELD.toNanos()) {
                            continue;
                        }
                    } else if ((replied || idle) && now - lastNews > LAST_SIGN.toNanos()) {
                        break; // some kernels give only one
                    } else if (now - looked > SILENCE.toNanos()) {
                        looked = now;
                        requireRunning();
                    }
                }
                pass();
            }
            takeLate();
            restore();
        }

        /** Deno sends a result and "idle" from two tasks: the result comes up to a millisecond later now and then. */
        private void takeLate() throws IOException, InterruptedException {
            long end = System.nanoTime() + LATE_RESULTS.toNanos();
            boolean more = !resulted && LATE_TELLERS.contains(context.language());
            while (more && System.nanoTime() < end) {
                try (KernelLink.Taken next = link.poll(LATE)) {
                    more = next != null && !resulted;
                    if (next != null) {
                        take(next.message());
                    }
                }
            }
            pass();
        }

        /** Sends what there is to send, and a sign of life when there was nothing for a while. */
        private void pass() throws IOException {
            if (!client.isDirty() && System.nanoTime() - client.lastFlush() > KEEPALIVE.toNanos()) {
                client.outputs().keepalive();
            }
            client.flush();
        }

        private Duration patience() {
            if (client.isDirty()) {
                return TOGETHER;
            }
            return replied || idle ? Duration.ofMillis(250) : KEEPALIVE;
        }

        private void prepare() {
            Map<String, String> lasting = sandbox.environment();
            String digest = KernelRecord.digest(lasting);
            if (!context.hasEnvironment(digest)) {
                if (!lasting.isEmpty()) {
                    Snippets.of(context.language(), lasting, Map.of())
                            .ifPresent(snippets -> preparations.add(execute(snippets.set(), true)));
                }
                context.environmentApplied(digest);
            }
            if (!variables.isEmpty()) {
                Snippets snippets = Snippets.of(context.language(), variables, lasting)
                        .orElseThrow(() -> new IllegalStateException("checked before"));
                preparations.add(execute(snippets.set(), true));
                restore = snippets.restore();
            }
        }

        private void restore() {
            if (restore != null) {
                String unused = execute(restore, true);
                restore = null;
            }
        }

        private String execute(String what, boolean silent) {
            Map<String, Object> content = new HashMap<>();
            content.put("code", what);
            content.put("silent", silent);
            content.put("store_history", !silent);
            content.put("user_expressions", Map.of());
            content.put("allow_stdin", false);
            // what is sent meanwhile is for another execution, which must not be dropped
            content.put("stop_on_error", false);
            return link.send(Channel.SHELL, "execute_request", content);
        }

        private void take(KernelMessage message) throws IOException {
            if (!message.answers(request)) {
                if (message.type().equals("error")
                        && message.parent().filter(preparations::contains).isPresent()) {
                    client.outputs().notice("the variables for this code could not be set");
                }
                return;
            }
            Outputs outputs = client.outputs();
            switch (message.type()) {
                case "stream" -> outputs.stream(message);
                case "display_data" -> outputs.result(message, false);
                case "execute_result" -> {
                    resulted = true;
                    outputs.result(message, true);
                }
                case "error" -> outputs.error(message);
                case "execute_input" -> outputs.executionCount(message);
                case "status" -> idle |= state(message).equals("idle");
                case "execute_reply" -> {
                    replied = true;
                    reply(message);
                }
                default -> {}
            }
        }

        private void reply(KernelMessage message) throws IOException {
            switch (text(message, "status")) {
                case "error" -> client.outputs().error(message);
                case "abort", "aborted" ->
                    client.outputs().error("ExecutionAborted", "the kernel did not run this code", "");
                default -> {}
            }
        }

        private static String state(KernelMessage message) {
            return text(message, "execution_state");
        }

        private static String text(KernelMessage message, String field) {
            try {
                return dev.holt.http.Json.MAPPER
                        .readTree(message.content())
                        .path(field)
                        .asString("");
            } catch (JacksonException failure) {
                throw new KernelFailure(
                        KernelFailure.Kind.MALFORMED, "the kernel sent a content that is no JSON", failure);
            }
        }

        private void requireRunning() {
            switch (kernel.state()) {
                case 'Z', 'X' -> throw new KernelFailure(KernelFailure.Kind.DISCONNECTED, "the kernel has ended");
                case 'T', 't' -> {
                    kernel.leaveUnsettled();
                    throw new KernelFailure(
                            KernelFailure.Kind.NOT_RESPONDING,
                            "the kernel's process is stopped (SIGSTOP), and this code with it; continue it, or restart the"
                                    + " context");
                }
                default -> {}
            }
        }

        /** The code may run on, and nobody waits for it. */
        void abandon() {
            kernel.leaveUnsettled();
            if (link.failure().isPresent()) {
                link.close();
            }
        }

        /** The client has gone: interrupts the code and waits a moment for it to end. */
        void interrupt() throws InterruptedException {
            try {
                long start = System.nanoTime();
                for (int sent = 0; !replied || !idle; ) {
                    long passed = System.nanoTime() - start;
                    if (sent < INTERRUPTS.length && passed >= INTERRUPTS[sent].toNanos()) {
                        kernel.interrupt(link);
                        sent++;
                    } else if (passed > INTERRUPT_PATIENCE.toNanos()) {
                        abandon();
                        return;
                    }
                    try (KernelLink.Taken next = link.poll(Duration.ofMillis(200))) {
                        if (next != null && next.message().answers(request)) {
                            replied |= next.message().type().equals("execute_reply");
                            idle |= next.message().type().equals("status")
                                    && state(next.message()).equals("idle");
                        }
                    }
                }
                restore();
            } catch (KernelFailure | GuestFailure failure) {
                abandon();
            }
        }
    }
}
