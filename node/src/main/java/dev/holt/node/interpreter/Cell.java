package dev.holt.node.interpreter;

import dev.holt.node.guest.GuestCutOff;
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
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/**
 * The code of an execution in a kernel: sends it and tells the client what the kernel says of it. A connection that breaks while
 * the kernel lives, as when a sandbox is captured with its memory, is replaced, and the rest comes by the next.
 */
final class Cell {
    /** Languages whose kernel sends results behind the end of a cell. */
    private static final Set<String> LATE_TELLERS = Set.of("javascript", "typescript");

    /** How long such a kernel may take to say that there is none. */
    private static final Duration LATE = Duration.ofSeconds(5);

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

    /** How long connections to a kernel may go on breaking. */
    private static final Duration MENDING = Duration.ofSeconds(10);

    private static final Duration MENDING_STEP = Duration.ofMillis(20);
    /** How much later than the kernel's next answer the end of the code may come, by another connection. */
    private static final Duration OUTRUN = Duration.ofMillis(500);

    private final Execution execution;
    private final Context context;
    private final Execution.Client client;
    private final Kernel kernel;
    private KernelLink link;
    /** When the connection broke, as {@link System#nanoTime}, until something came by the next; 0 while it is whole. */
    private long broken;
    /** The request whose answer on a connection made later says that the code has ended. */
    private String marker = "";

    private boolean begun;
    private final Set<String> preparations = new HashSet<>();
    private String request = "";
    private @Nullable String restore;
    private boolean replied;
    private boolean idle;
    private boolean resulted;

    Cell(Execution execution, Context.Ready ready) {
        this.execution = execution;
        this.context = execution.context();
        this.client = execution.client();
        this.kernel = ready.kernel();
        this.link = ready.link();
    }

    /** Until the code has ended, or the client has gone and the code was interrupted. */
    void toTheEnd() throws IOException, InterruptedException {
        client.watch(link);
        prepare();
        request = execute(execution.code(), false);
        boolean heard = false;
        while (!heard) {
            try {
                listen();
                heard = true;
            } catch (KernelFailure failure) {
                mend(failure);
            }
        }
        if (!client.gone()) {
            takeLate();
            restore();
        }
    }

    /** Tells what the kernel says until both signs of the end have come, or the client has gone and the code was interrupted. */
    private void listen() throws IOException, InterruptedException {
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
                    if (broken != 0) {
                        mended();
                    }
                    take(next.message());
                    if (now - heldSince < HELD.toNanos()) {
                        continue;
                    }
                } else if (!marker.isEmpty() && replied && !idle && now - lastNews > OUTRUN.toNanos()) {
                    throw endUnheard();
                } else if ((replied || idle) && now - lastNews > LAST_SIGN.toNanos()) {
                    break; // some kernels give only one
                } else if (now - looked > SILENCE.toNanos()) {
                    looked = now;
                    requireRunning();
                }
            }
            pass();
        }
    }

    /**
     * Goes on by another connection where the kernel lives. What it says between the two is lost: the client is told once something comes.
     *
     * @throws KernelFailure when that is not possible
     */
    private void mend(KernelFailure failure) throws InterruptedException {
        if (failure.kind() != KernelFailure.Kind.DISCONNECTED) {
            throw failure;
        }
        if (broken != 0) {
            if (System.nanoTime() - broken > MENDING.toNanos()) {
                throw failure;
            }
            Thread.sleep(MENDING_STEP);
        }
        try {
            Optional<String> end = kernel.ended();
            if (end.isPresent()) {
                throw new KernelFailure(KernelFailure.Kind.DIED, end.get());
            }
            link = kernel.reconnect(); // a guest that is held is waited for
        } catch (GuestCutOff cutOff) {
            throw new KernelFailure(KernelFailure.Kind.CUT_OFF, cutOff.text(), cutOff);
        } catch (GuestFailure sandboxGone) {
            throw new KernelFailure(KernelFailure.Kind.FORGOTTEN, "the sandbox went away", sandboxGone);
        }
        broken = broken == 0 ? System.nanoTime() : broken;
        client.watch(link);
        marker = link.send(Channel.SHELL, "kernel_info_request", Map.of());
    }

    /** Something came by a connection that replaced a broken one. */
    private void mended() throws IOException {
        broken = 0;
        if (begun) {
            client.outputs()
                    .notice(
                            "the connection to the kernel broke while this code ran, as it does when a sandbox is captured;"
                                    + " what the code put out in that moment is missing here");
        }
    }

    private KernelFailure endUnheard() {
        return new KernelFailure(
                KernelFailure.Kind.UNHEARD,
                "the connection to the kernel broke, as it does when a sandbox is captured, "
                        + (begun
                                ? "and this code ended before there was another: what it put out last is lost, its variables"
                                        + " are not"
                                : "when this code had just been sent: whether it ran is not known"));
    }

    /**
     * Deno sends a result and "idle" from two tasks, so that the result may come second. It has been sent when the kernel has answered
     * another question.
     */
    private void takeLate() throws IOException, InterruptedException {
        if (resulted || !LATE_TELLERS.contains(context.language())) {
            return;
        }
        pass();
        String question = link.send(Channel.SHELL, "kernel_info_request", Map.of());
        long deadline = System.nanoTime() + LATE.toNanos();
        boolean more = true;
        while (more && !client.gone() && System.nanoTime() - deadline < 0) {
            try (KernelLink.Taken next = link.poll(LATE)) {
                if (next != null) {
                    KernelMessage message = next.message();
                    take(message);
                    more = !resulted && !(isIdle(message) && message.answers(question));
                }
            }
        }
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
        Map<String, String> lasting = execution.sandbox().environment();
        String digest = KernelRecord.digest(lasting);
        if (!context.hasEnvironment(digest)) {
            if (!lasting.isEmpty()) {
                Snippets.of(context.language(), lasting, Map.of())
                        .ifPresent(snippets -> preparations.add(execute(snippets.set(), true)));
            }
            context.environmentApplied(digest);
        }
        if (!execution.variables().isEmpty()) {
            Snippets snippets = Snippets.of(context.language(), execution.variables(), lasting)
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
            replied |= message.type().equals("kernel_info_reply") && message.answers(marker);
            if (message.type().equals("error")
                    && message.parent().filter(preparations::contains).isPresent()) {
                client.outputs().notice("the variables for this code could not be set");
            }
            return;
        }
        begun = true;
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
            case "status" -> idle |= isIdle(message);
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

    private static boolean isIdle(KernelMessage message) {
        return message.type().equals("status")
                && text(message, "execution_state").equals("idle");
    }

    private static String text(KernelMessage message, String field) {
        try {
            return dev.holt.http.Json.MAPPER
                    .readTree(message.content())
                    .path(field)
                    .asString("");
        } catch (JacksonException failure) {
            throw new KernelFailure(KernelFailure.Kind.MALFORMED, "the kernel sent a content that is no JSON", failure);
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

    /** Nobody takes what comes of it any more. */
    void leave() {
        link.attend(false);
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
                        idle |= isIdle(next.message());
                    }
                }
            }
            restore();
        } catch (KernelFailure | GuestFailure failure) {
            abandon();
        }
    }
}
