package dev.holt.node.runtime;

import dev.holt.node.linux.Pipe;
import dev.holt.node.linux.UnixSocket;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The control socket of one sentry, which {@code runsc pause} and {@code runsc resume} speak to as well: a call is one JSON object,
 * so is its answer (gVisor's source, pkg/urpc). A call takes 0.1 ms where the command takes 25 to 45.
 *
 * <p>The sentry counts: it goes on when it was resumed as often as it was paused, and one resume too many ends it with a panic. So
 * nobody resumes here without knowing that the guest is suspended; a restarted daemon finds out from the stacks of the sentry.
 *
 * @param socket where it listens
 */
record SentryControl(Path socket) implements Suspension {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration ANSWER = Duration.ofSeconds(30);
    private static final long LOOK_NANOS = 20_000_000;

    /** A goroutine that runs a task of the guest, and one of these that was told to stop. */
    private static final Pattern TASK = Pattern.compile("kernel\\.\\(\\*Task\\)\\.run\\(");

    private static final Pattern STOPPED_TASK = Pattern.compile("kernel\\.\\(\\*Task\\)\\.doStop\\(");
    /** While it writes an image the sentry has stopped the guest by itself, and lets it go on by itself. */
    private static final String SAVING = "control.(*State).Save(";

    @Override
    public void begin(Duration limit) {
        CompletableFuture<JsonNode> pausing = call("containerManager.Pause");
        try {
            await(pausing, "pause", limit);
        } catch (RuntimeFailure failure) {
            // It may still pause, once whatever keeps it busy is over: then it must go on.
            pausing.thenRun(() -> await(call("containerManager.Resume"), "resume", ANSWER));
            throw failure;
        }
    }

    @Override
    public void end(Duration limit) {
        await(call("containerManager.Resume"), "resume", limit);
    }

    @Override
    public boolean stands(Duration limit) {
        long deadline = System.nanoTime() + limit.toNanos();
        while (true) {
            String stacks = await(
                            call("debug.Stacks"),
                            "tell its stacks",
                            Duration.ofNanos(Math.max(1, deadline - System.nanoTime())))
                    .asString("");
            if (!stacks.contains(SAVING)) {
                long tasks = count(TASK, stacks);
                return tasks > 0 && tasks == count(STOPPED_TASK, stacks);
            }
            if (System.nanoTime() > deadline) {
                throw new RuntimeFailure("the sentry at '" + socket + "' still writes an image after "
                        + limit.toMillis() + " ms, whether its guest is suspended can't be told");
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    /** The sentry answered that it could not. */
    static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Failure(String said) {
            super(said);
        }
    }

    /**
     * Has it write a memory image into the pipes: its state, what says where pages are, the pages. Fails with {@link Failure} when it
     * would not, and with an {@link IOException} when it ended.
     */
    CompletableFuture<Void> checkpoint(boolean withoutEmptyPages, List<Pipe> pipes) {
        ObjectNode options = JSON.createObjectNode().putNull("key");
        options.putObject("metadata").put("compression", "none");
        options.putObject("MemoryFileSaveOpts").put("ExcludeCommittedZeroPages", withoutEmptyPages);
        options.put("have_pages_file", true).put("Resume", true);
        CompletableFuture<Void> answer = new CompletableFuture<>();
        // A thread of its own: the calls of the C library block whoever carries them.
        Thread.ofPlatform().daemon().name("sentry checkpoint").start(() -> {
            try {
                result(sent("containerManager.Checkpoint", options, pipes));
                answer.complete(null);
            } catch (IOException | RuntimeException e) {
                answer.completeExceptionally(e);
            }
        });
        return answer;
    }

    private byte[] sent(String method, JsonNode argument, List<Pipe> pipes) throws IOException {
        try (UnixSocket connection = UnixSocket.connect(socket)) {
            connection.sendLast(request(method, argument).toString().getBytes(StandardCharsets.UTF_8), pipes);
            pipes.forEach(Pipe::closeWritingEnd); // now only the sentry has them: they end when it is done
            return connection.readAll();
        } finally {
            pipes.forEach(Pipe::closeWritingEnd);
        }
    }

    private static ObjectNode request(String method, JsonNode argument) {
        ObjectNode request = JSON.createObjectNode().put("method", method);
        request.set("arg", argument);
        return request;
    }

    private static JsonNode result(byte[] text) throws IOException {
        if (text.length == 0) {
            throw new IOException("it ended");
        }
        JsonNode answer = JSON.readTree(text);
        if (!answer.path("success").asBoolean(false)) {
            throw new Failure(answer.path("err").asString("no reason given"));
        }
        return answer.path("result");
    }

    private static long count(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        long count = 0;
        while (matcher.find()) {
            count++;
        }
        return count;
    }

    private JsonNode await(CompletableFuture<JsonNode> answer, String what, Duration limit) {
        try {
            return answer.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw new RuntimeFailure(
                    "the sentry at '" + socket + "' did not " + what + " within " + limit.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RuntimeFailure("interrupted while the sentry at '" + socket + "' was to " + what, e);
        } catch (ExecutionException e) {
            throw new RuntimeFailure(
                    "the sentry at '" + socket + "' could not " + what + ": "
                            + answer.exceptionNow().getMessage(),
                    e);
        }
    }

    /** Neither a deadline nor an interrupt may end the conversation: what was asked for happens in any case. */
    private CompletableFuture<JsonNode> call(String method) {
        CompletableFuture<JsonNode> answer = new CompletableFuture<>();
        Thread.ofVirtual().name("sentry " + method).start(() -> {
            try {
                answer.complete(converse(method));
            } catch (IOException | RuntimeException e) {
                answer.completeExceptionally(e);
            }
        });
        return answer;
    }

    private JsonNode converse(String method) throws IOException {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            ByteBuffer bytes =
                    ByteBuffer.wrap(request(method, JSON.nullNode()).toString().getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.shutdownOutput(); // one call a connection: the answer ends where the connection does
            return result(Channels.newInputStream(channel).readAllBytes());
        }
    }
}
