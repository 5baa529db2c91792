package dev.holt.node.interpreter.gateway;

import dev.holt.http.HttpFailure;
import dev.holt.http.Json;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.interpreter.jupyter.Channel;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.node.interpreter.jupyter.KernelLink;
import dev.holt.node.interpreter.jupyter.KernelMessage;
import dev.holt.node.interpreter.jupyter.MessageCodec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.ReentrantLock;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.api.StatusCode;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * One client's WebSocket and its connection to one kernel. A thread of its own takes the kernel's messages and sends them on, waiting
 * for a slow client, for whom the kernel then waits. What the client sends is taken when the kernel hears it, one message at a time.
 * A kernel that dies or is restarted is replaced behind the socket: the client is told, and told that nothing more comes of what it had
 * asked. Public only because Jetty looks its methods up.
 */
public final class KernelChannels implements Session.Listener {
    private static final Logger log = LoggerFactory.getLogger(KernelChannels.class);

    /** Between signs of life to a client while the kernel is silent; clients behind proxies need them. */
    private static final Duration PING = Duration.ofSeconds(30);

    private static final Duration IDLE_MAXIMUM = Duration.ofSeconds(120);
    /** How long to wait until the kernel is heard; one that does not answer may be busy, and is used as it is. */
    private static final Duration SETTLE = Duration.ofSeconds(10);

    private static final Duration SETTLE_STEP = Duration.ofMillis(100);
    /** Connections in a row of which nothing came. */
    private static final int FRUITLESS_MAXIMUM = 3;

    private final GatewayKernel kernel;
    private final boolean version1;
    private final KernelActivity activity;
    private final String activityKey;

    /** Guards what both the client's and the kernel's thread use. */
    private final ReentrantLock lock = new ReentrantLock();

    private final PendingRequests pending = new PendingRequests();
    private @Nullable KernelLink link;
    private @Nullable MessageCodec sender;
    /** A message that came while there was no connection to the kernel; no other is asked for until it is sent. */
    private SocketMessages.@Nullable Incoming held;

    /** Whether the first message was asked for. */
    private boolean begun;

    private volatile @Nullable Session session;
    private volatile @Nullable Thread thread;
    private volatile boolean closed;

    KernelChannels(GatewayKernel kernel, boolean version1, KernelActivity activity, String activityKey) {
        this.kernel = kernel;
        this.version1 = version1;
        this.activity = activity;
        this.activityKey = activityKey;
    }

    // ---- the client's side

    @Override
    public void onWebSocketOpen(Session session) {
        session.setIdleTimeout(IDLE_MAXIMUM);
        this.session = session;
        thread = Thread.ofVirtual().name("kernel of a notebook").start(() -> serve(session));
    }

    @Override
    public void onWebSocketText(String message) {
        pass(() -> SocketMessages.ofText(message));
    }

    @Override
    public void onWebSocketBinary(ByteBuffer payload, Callback callback) {
        pass(() -> SocketMessages.ofBinary(payload, version1));
        callback.succeed();
    }

    private interface Decoder {
        SocketMessages.Incoming decode();
    }

    private void pass(Decoder decoder) {
        boolean done = true;
        try {
            done = send(decoder.decode());
        } catch (HttpFailure | JacksonException malformed) {
            // Clients of this protocol expect no errors on it; Jupyter's own server logs such a message and goes on,
            // too.
            log.debug("a notebook's client sent what is no message: {}", malformed.getMessage());
        }
        if (done) {
            demand();
        }
    }

    /** Whether the message was sent; otherwise it is kept until it can be. */
    private boolean send(SocketMessages.Incoming message) {
        byte[] header = message.parts().getFirst();
        JsonNode read = Json.MAPPER.readTree(header);
        String id = PendingRequests.field(read, "msg_id");
        String type = PendingRequests.field(read, "msg_type");
        if (id.isEmpty() || type.isEmpty()) {
            throw new HttpFailure(400, "a header without msg_id and msg_type");
        }
        String named = message.channel().isEmpty() ? usualChannel(type) : message.channel();
        Channel channel = switch (named) {
            case "shell" -> Channel.SHELL;
            case "control" -> Channel.CONTROL;
            case "stdin" -> Channel.STDIN;
            default -> throw new HttpFailure(400, "no channel to send to: " + named);
        };
        lock.lock();
        try {
            KernelLink to = link;
            MessageCodec codec = sender;
            if (to == null || codec == null) {
                held = message;
                return false;
            }
            if (channel != Channel.STDIN) {
                pending.sent(named, id, type, header);
            }
            to.sendParts(channel, codec.seal(message.parts()));
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** jupyter_server's own client names no channel, neither with answers to a kernel's questions. */
    private static String usualChannel(String type) {
        return switch (type) {
            case "input_reply" -> "stdin";
            case "interrupt_request", "shutdown_request", "debug_request" -> "control";
            default -> "shell";
        };
    }

    /** Asks for the next message of the client. */
    private void demand() {
        Session from = session;
        if (from != null && from.isOpen()) {
            from.demand();
        }
    }

    @Override
    public void onWebSocketError(Throwable cause) {
        log.debug("the connection of a notebook's client failed: {}", cause.toString());
    }

    @Override
    public void onWebSocketClose(int statusCode, String reason) {
        closed = true;
        Thread running = thread;
        if (running == null) {
            activity.disconnect(activityKey); // it never opened
        } else {
            running.interrupt();
        }
    }

    // ---- the kernel's side

    private void serve(Session client) {
        int status = StatusCode.NORMAL;
        String why = "";
        try {
            int fruitless = 0;
            while (!closed && fruitless < FRUITLESS_MAXIMUM) {
                fruitless = serveOneKernel(client) ? 0 : fruitless + 1;
            }
            status = StatusCode.SERVER_ERROR;
            why = "the kernel breaks every connection";
        } catch (KernelFailure over) {
            status = over.kind() == KernelFailure.Kind.REMOVED ? StatusCode.NORMAL : StatusCode.SHUTDOWN;
            why = over.text();
        } catch (HttpFailure notStarted) {
            tellDead(client);
            status = StatusCode.SERVER_ERROR;
            why = notStarted.body().message();
        } catch (GuestFailure unreachable) {
            status = StatusCode.SHUTDOWN;
            why = "the sandbox went away";
        } catch (IOException | InterruptedException clientLeft) {
            why = "";
        } catch (RuntimeException bug) {
            log.error("a notebook's connection failed", bug);
            status = StatusCode.SERVER_ERROR;
        } finally {
            activity.disconnect(activityKey);
            client.close(status, shortened(why), Callback.NOOP);
        }
    }

    /** Close frames hold 123 bytes of reason (RFC 6455, 5.5). */
    private static String shortened(String text) {
        return text.length() <= 40 ? text : text.substring(0, 40);
    }

    private void tellDead(Session client) {
        try {
            send(client, PendingRequests.status("dead"));
        } catch (IOException | InterruptedException clientLeft) {
            log.debug("a client left before it was told that its kernel is dead");
        }
    }

    /** Serves until the connection to the kernel is over; whether anything came of it. */
    private boolean serveOneKernel(Session client) throws IOException, InterruptedException {
        GatewayKernel.Connection connection = kernel.connect();
        boolean heard = false;
        try (KernelLink opened = connection.link()) {
            opened.attend(true);
            heard = settle(client, opened);
            takeMessages(opened, new MessageCodec(connection.key()));
            while (!closed) {
                try (KernelLink.Taken taken = opened.poll(PING)) {
                    if (taken == null) {
                        client.sendPing(ByteBuffer.allocate(0), Callback.NOOP);
                    } else {
                        heard = true;
                        pass(client, taken);
                    }
                }
            }
            return true;
        } catch (KernelFailure failure) {
            letGo();
            replaced(client, failure);
            return heard;
        } finally {
            letGo();
        }
    }

    private void takeMessages(KernelLink opened, MessageCodec codec) {
        SocketMessages.Incoming waiting;
        boolean first;
        lock.lock();
        try {
            link = opened;
            sender = codec;
            waiting = held;
            held = null;
            first = !begun;
            begun = true;
        } finally {
            lock.unlock();
        }
        if (waiting != null) {
            pass(() -> waiting);
        } else if (first) {
            demand();
        }
    }

    private void letGo() {
        lock.lock();
        try {
            link = null;
            sender = null;
        } finally {
            lock.unlock();
        }
    }

    /** Tells the client what became of its kernel, or fails if there is none any more. */
    private void replaced(Session client, KernelFailure failure) throws IOException, InterruptedException {
        String why = switch (failure.kind()) {
            case REMOVED, CUT_OFF, FORGOTTEN -> {
                failPending(client, failure.text());
                if (failure.kind() == KernelFailure.Kind.REMOVED) {
                    send(client, PendingRequests.status("dead")); // a paused sandbox's is not
                }
                throw failure;
            }
            case RESTARTED -> "the kernel was restarted";
            default -> kernel.ended().orElse("");
        };
        if (why.isEmpty()) { // only the connection is replaced, as after a capture of the sandbox
            failPending(client, failure.text());
            return;
        }
        failPending(client, why);
        send(client, PendingRequests.status("restarting"));
    }

    private void failPending(Session client, String why) throws IOException, InterruptedException {
        List<PendingRequests.Answer> answers;
        lock.lock();
        try {
            answers = pending.fail(why);
        } finally {
            lock.unlock();
        }
        for (PendingRequests.Answer answer : answers) {
            send(client, answer);
        }
    }

    /**
     * Returns when the kernel is heard on iopub: what it says before a subscription has arrived is lost. It is asked on both channels for
     * requests, since the shell is silent while code runs and some kernels do not answer on control. Messages that are not about that are
     * passed on.
     */
    private boolean settle(Session client, KernelLink opened) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + SETTLE.toNanos();
        String onShell = opened.send(Channel.SHELL, "kernel_info_request", Map.of());
        String onControl = opened.send(Channel.CONTROL, "kernel_info_request", Map.of());
        boolean replied = false;
        boolean heard = false;
        while (!(replied && heard) && System.nanoTime() - deadline < 0) {
            try (KernelLink.Taken taken = opened.poll(SETTLE_STEP)) {
                if (taken == null) {
                    if (!heard) {
                        onControl = opened.send(Channel.CONTROL, "kernel_info_request", Map.of());
                    }
                    continue;
                }
                KernelMessage message = taken.message();
                heard |= message.channel() == Channel.IOPUB;
                replied |= message.type().equals("kernel_info_reply");
                if (!message.answers(onShell) && !message.answers(onControl)) {
                    pass(client, taken);
                }
            }
        }
        return heard || replied;
    }

    private void pass(Session client, KernelLink.Taken taken) throws IOException, InterruptedException {
        KernelMessage message = taken.message();
        if (message.channel() == Channel.SHELL || message.channel() == Channel.CONTROL) {
            lock.lock();
            try {
                message.parent().ifPresent(pending::replied);
            } finally {
                lock.unlock();
            }
        }
        activity.saw(activityKey, state(message));
        send(
                client,
                new PendingRequests.Answer(
                        message.channel().name().toLowerCase(Locale.ROOT),
                        message.id(),
                        message.type(),
                        taken.parts()));
    }

    private static Optional<String> state(KernelMessage message) {
        if (!message.type().equals("status")) {
            return Optional.empty();
        }
        try {
            return Json.MAPPER
                    .readTree(message.content())
                    .path("execution_state")
                    .asStringOpt();
        } catch (JacksonException malformed) {
            return Optional.empty();
        }
    }

    private void send(Session client, PendingRequests.Answer message) throws IOException, InterruptedException {
        Callback.Completable sent = new Callback.Completable();
        switch (SocketMessages.encode(message.channel(), message.id(), message.type(), message.parts(), version1)) {
            case SocketMessages.Outgoing.Text text -> client.sendText(text.text(), sent);
            case SocketMessages.Outgoing.Binary binary -> client.sendBinary(binary.bytes(), sent);
        }
        try {
            sent.get();
        } catch (ExecutionException e) {
            throw new IOException("the client went away", e);
        }
    }
}
