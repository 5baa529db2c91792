package dev.holt.node.envd;

import com.google.protobuf.Message;
import dev.holt.http.ClientWatch;
import dev.holt.node.guest.GuestAgent;
import dev.holt.wire.connect.ConnectCode;
import dev.holt.wire.connect.ConnectContentType;
import dev.holt.wire.connect.ConnectFailure;
import dev.holt.wire.connect.EnvelopeReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;

/** One rpc being answered: who asks, of which sandbox, and by when. */
record RpcCall(
        EnvdSandbox sandbox,
        SandboxState state,
        Request request,
        ConnectContentType type,
        Optional<Duration> timeout,
        Deadline deadline) {
    private static final Duration DEFAULT_KEEPALIVE = Duration.ofSeconds(90);
    private static final int TIMEOUT_DIGITS = 10;
    /** How long input waits before it is worth watching whether the client is still there. */
    private static final Duration UNWATCHED = Duration.ofMillis(100);

    static RpcCall of(EnvdSandbox sandbox, SandboxState state, Request request, ConnectContentType type) {
        Optional<Duration> timeout = timeout(request);
        return new RpcCall(sandbox, state, request, type, timeout, Deadline.in(timeout));
    }

    /** {@code Connect-Timeout-Ms}; 0 is none. */
    private static Optional<Duration> timeout(Request request) {
        String text = request.getHeaders().get("Connect-Timeout-Ms");
        if (text == null || text.isEmpty()) {
            return Optional.empty();
        }
        if (text.length() > TIMEOUT_DIGITS || !text.chars().allMatch(digit -> digit >= '0' && digit <= '9')) {
            throw new ConnectFailure(
                    ConnectCode.INVALID_ARGUMENT, "Connect-Timeout-Ms must be at most 10 digits; got '" + text + "'");
        }
        long milliseconds = Long.parseLong(text);
        return milliseconds == 0 ? Optional.empty() : Optional.of(Duration.ofMillis(milliseconds));
    }

    GuestAgent agent() {
        return sandbox.agent();
    }

    /** The user that the caller names, else the sandbox's. */
    String user() {
        return namedUser().orElse(sandbox.defaultUser());
    }

    /** The name in the request's Basic authentication. */
    private Optional<String> namedUser() {
        String header = request.getHeaders().get(HttpHeader.AUTHORIZATION);
        if (header == null || !header.regionMatches(true, 0, "Basic ", 0, 6)) {
            return Optional.empty();
        }
        try {
            String pair =
                    new String(Base64.getDecoder().decode(header.substring(6).strip()), StandardCharsets.UTF_8);
            int colon = pair.indexOf(':');
            return colon < 0 ? Optional.empty() : Optional.of(pair.substring(0, colon));
        } catch (IllegalArgumentException noBase64) {
            return Optional.empty();
        }
    }

    /** For rpcs that do nothing in anybody's name: a name that is given must exist all the same. */
    void requireKnownUser() {
        namedUser().ifPresent(name -> agent().user(name));
    }

    /** A path for the agent; an empty one is the sandbox's working directory. */
    String path(String path) {
        return GuestPaths.forAgent(path, sandbox.defaultWorkingDirectory())
                .orElseThrow(() -> new ConnectFailure(
                        ConnectCode.INVALID_ARGUMENT, "cannot expand user-specific home dir: '" + path + "'"));
    }

    /** After how much silence a stream says that it is alive. */
    Duration keepalive() {
        String text = request.getHeaders().get("Keepalive-Ping-Interval");
        try {
            int seconds = text == null ? 0 : Integer.parseInt(text);
            return seconds > 0 ? Duration.ofSeconds(seconds) : DEFAULT_KEEPALIVE;
        } catch (NumberFormatException nonsense) {
            return DEFAULT_KEEPALIVE;
        }
    }

    /** Waits for input to be taken, no longer than the call lasts and its client is there. */
    int awaitInput(CompletableFuture<Integer> answer)
            throws ExecutionException, TimeoutException, InterruptedException {
        try {
            return answer.get(Math.min(UNWATCHED.toNanos(), deadline.nanosLeft()), TimeUnit.NANOSECONDS);
        } catch (TimeoutException notYet) {
            if (deadline.isOver()) {
                throw notYet;
            }
        }
        if (type.streaming()) {
            // Whoever sends a stream of input is still sending it: its leaving is found by the next read.
            request.addFailureListener(answer::completeExceptionally);
            return answer.get(deadline.nanosLeft(), TimeUnit.NANOSECONDS);
        }
        try (ClientWatch watch = ClientWatch.watch(
                request, () -> answer.completeExceptionally(new IOException("the client went away")))) {
            return answer.get(deadline.nanosLeft(), TimeUnit.NANOSECONDS);
        }
    }

    /** The messages of a client stream. */
    record Incoming<M extends Message>(EnvelopeReader envelopes, ConnectContentType type, M prototype) {
        Optional<M> next() throws IOException {
            return envelopes.next().map(bytes -> type.format().decode(bytes, prototype));
        }
    }
}
