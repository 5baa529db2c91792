package dev.holt.node.envd;

import com.google.protobuf.Message;
import dev.holt.node.guest.GuestFailure;
import dev.holt.wire.connect.Compression;
import dev.holt.wire.connect.ConnectCode;
import dev.holt.wire.connect.ConnectContentType;
import dev.holt.wire.connect.ConnectFailure;
import dev.holt.wire.connect.Envelope;
import dev.holt.wire.connect.EnvelopeReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;

/** Speaks the Connect protocol for the rpcs of envd: content types, envelopes, errors, in both of its shapes. */
final class RpcEndpoint {
    /** Longest message: input for a process comes as one. */
    private static final int MESSAGE_MAXIMUM = 64 * 1024 * 1024;

    private static final String PROCESS = "/process.Process/";
    private static final String FILESYSTEM = "/filesystem.Filesystem/";

    private final Map<String, Rpc> rpcs = new HashMap<>();

    RpcEndpoint() {
        new ProcessRpcs().all().forEach((name, rpc) -> rpcs.put(PROCESS + name, rpc));
        new FilesystemRpcs().all().forEach((name, rpc) -> rpcs.put(FILESYSTEM + name, rpc));
        new WatchRpcs().all().forEach((name, rpc) -> rpcs.put(FILESYSTEM + name, rpc));
    }

    /** The rpc at a path, which is compared literally. */
    Optional<Rpc> find(String path) {
        return Optional.ofNullable(rpcs.get(path));
    }

    /** Answers a request for {@code rpc}, to the end of the response. */
    void serve(Rpc rpc, EnvdSandbox sandbox, SandboxState state, Request request, Response response)
            throws IOException {
        if (!request.getMethod().equals("POST")) {
            response.getHeaders().put(HttpHeader.ALLOW, "POST");
            respond(response, 405, "", new byte[0]);
            return;
        }
        String header = request.getHeaders().get(HttpHeader.CONTENT_TYPE);
        Optional<ConnectContentType> type = ConnectContentType.parse(header == null ? "" : header)
                .filter(known -> known.streaming() != (rpc instanceof Rpc.Unary<?>));
        if (type.isEmpty()) {
            String accepted = rpc instanceof Rpc.Unary<?>
                    ? "application/json, application/proto"
                    : "application/connect+json, application/connect+proto";
            response.getHeaders().put("Accept-Post", accepted);
            respond(response, 415, "", new byte[0]);
            return;
        }
        switch (rpc) {
            case Rpc.Unary<?> unary -> serveUnary(unary, sandbox, state, request, response, type.get());
            case Rpc.ServerStream<?> stream -> serveStream(stream, sandbox, state, request, response, type.get());
            case Rpc.ClientStream<?> stream -> serveInput(stream, sandbox, state, request, response, type.get());
        }
    }

    private <M extends Message> void serveUnary(
            Rpc.Unary<M> rpc,
            EnvdSandbox sandbox,
            SandboxState state,
            Request request,
            Response response,
            ConnectContentType type)
            throws IOException {
        try {
            RpcCall call = RpcCall.of(sandbox, state, request, type);
            byte[] body = readAll(Content.Source.asInputStream(request));
            Optional<String> encoding = Optional.ofNullable(request.getHeaders().get(HttpHeader.CONTENT_ENCODING));
            M message = type.format().decode(Compression.decompress(encoding, body, MESSAGE_MAXIMUM), rpc.request());
            Message answer = failingAsConnect(() -> rpc.handler().answer(call, message));
            respond(response, 200, type.header(), type.format().encode(answer));
        } catch (ConnectFailure failure) {
            respond(response, failure.code().httpStatus(), "application/json", failure.toJson());
        }
    }

    private <M extends Message> void serveStream(
            Rpc.ServerStream<M> rpc,
            EnvdSandbox sandbox,
            SandboxState state,
            Request request,
            Response response,
            ConnectContentType type)
            throws IOException {
        StreamAnswer answer = new StreamAnswer(response, type);
        try {
            RpcCall call = RpcCall.of(sandbox, state, request, type);
            RpcCall.Incoming<M> incoming = new RpcCall.Incoming<>(envelopes(request), type, rpc.request());
            M message = incoming.next()
                    .orElseThrow(() -> new ConnectFailure(
                            ConnectCode.UNIMPLEMENTED, "the request holds no message, it must hold one"));
            if (incoming.next().isPresent()) {
                throw new ConnectFailure(
                        ConnectCode.UNIMPLEMENTED, "the request holds several messages, it must hold one");
            }
            failingAsConnect(() -> {
                rpc.handler().answer(call, message, answer);
                return message;
            });
            answer.end();
        } catch (ConnectFailure failure) {
            answer.end(failure);
        }
    }

    private <M extends Message> void serveInput(
            Rpc.ClientStream<M> rpc,
            EnvdSandbox sandbox,
            SandboxState state,
            Request request,
            Response response,
            ConnectContentType type)
            throws IOException {
        StreamAnswer answer = new StreamAnswer(response, type);
        try {
            RpcCall call = RpcCall.of(sandbox, state, request, type);
            RpcCall.Incoming<M> incoming = new RpcCall.Incoming<>(envelopes(request), type, rpc.request());
            Message result = failingAsConnect(() -> rpc.handler().answer(call, incoming));
            answer.add(Envelope.wrap(0, type.format().encode(result)));
            answer.end();
        } catch (ConnectFailure failure) {
            answer.end(failure);
        }
    }

    private static EnvelopeReader envelopes(Request request) {
        Optional<String> encoding = Optional.ofNullable(request.getHeaders().get("Connect-Content-Encoding"))
                .filter(name -> !name.equals("identity"));
        return new EnvelopeReader(Content.Source.asInputStream(request), encoding, MESSAGE_MAXIMUM);
    }

    private interface Answering<T> {
        T run() throws IOException;
    }

    private static <T> T failingAsConnect(Answering<T> answering) throws IOException {
        try {
            return answering.run();
        } catch (GuestFailure failure) {
            throw GuestErrors.toConnect(failure);
        }
    }

    private static byte[] readAll(InputStream body) throws IOException {
        byte[] bytes = body.readNBytes(MESSAGE_MAXIMUM + 1);
        if (bytes.length > MESSAGE_MAXIMUM) {
            throw new ConnectFailure(
                    ConnectCode.RESOURCE_EXHAUSTED, "the message is longer than " + MESSAGE_MAXIMUM + " bytes");
        }
        return bytes;
    }

    private static void respond(Response response, int status, String type, byte[] body) throws IOException {
        response.setStatus(status);
        if (!type.isEmpty()) {
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, type);
        }
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length);
        Content.Sink.write(response, true, ByteBuffer.wrap(body));
    }
}
