package dev.holt.node.envd;

import dev.holt.http.HttpFailure;
import dev.holt.node.guest.FileSource;
import dev.holt.node.guest.GuestEntry;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.GuestUnreachable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Fields;

/** {@code GET /files} and {@code HEAD /files}. */
final class FileDownload {
    private static final int BAD_REQUEST = 400;
    private static final int SNIFFED_BYTES = 512;
    private static final int GZIP_BUFFER_BYTES = 32 * 1024;
    /** Larger files go out as they are where the client takes that: compressing them takes longer than most networks would. */
    private static final long GZIP_MAXIMUM = 8L << 20;

    private static final int GZIP_SAMPLE_BYTES = 64 * 1024;
    /** Too little to tell from. */
    private static final int GZIP_SAMPLE_LEAST = 1024;

    private final TransferBuffers buffers;

    FileDownload(TransferBuffers buffers) {
        this.buffers = buffers;
    }

    void serve(EnvdSandbox sandbox, Request request, Response response, Fields query) throws IOException {
        Access.requireTokenOrSignature(sandbox, request, query, "read");
        String user = Optional.ofNullable(query.getValue("username")).orElse(sandbox.defaultUser());
        String asked = Optional.ofNullable(query.getValue("path")).orElse("");
        String path = GuestPaths.forAgent(asked, sandbox.defaultWorkingDirectory())
                .orElseThrow(() -> new HttpFailure(
                        BAD_REQUEST, "error resolving path '" + asked + "': cannot expand user-specific home dir"));
        boolean whole = !FileHeaders.isConditionalOrRange(request.getHeaders());
        boolean head = request.getMethod().equals("HEAD");
        AcceptedEncoding encoding = AcceptedEncoding.parse(request.getHeaders().get(HttpHeader.ACCEPT_ENCODING));
        if (!whole) {
            encoding.requireIdentity();
        }
        try (FileSource source = open(sandbox, user, path, whole && !head ? TransferBuffers.BYTES : 0)) {
            GuestEntry entry = source.entry();
            HttpFields.Mutable headers = response.getHeaders();
            headers.put(HttpHeader.VARY, HttpHeader.ACCEPT_ENCODING.asString());
            headers.put(HttpHeader.CONTENT_DISPOSITION, FileHeaders.contentDisposition(entry.name()));
            headers.put(HttpHeader.LAST_MODIFIED, FileHeaders.httpDate(FileHeaders.modified(entry)));
            headers.put(HttpHeader.ACCEPT_RANGES, "bytes");
            headers.put(HttpHeader.ETAG, FileHeaders.entityTag(entry));
            try {
                if (head) {
                    headers.put(HttpHeader.CONTENT_TYPE, FileHeaders.contentType(entry.name(), new byte[0]));
                    headers.put(HttpHeader.CONTENT_LENGTH, entry.size());
                    finish(response, 200);
                } else if (whole) {
                    boolean small = entry.size() <= GZIP_MAXIMUM || !encoding.identityAllowed();
                    sendWhole(source, response, encoding.gzip() && small);
                } else if (FileHeaders.isUnchanged(request.getHeaders(), entry)) {
                    finish(response, 304);
                } else {
                    sendRange(source, request, response);
                }
            } catch (GuestUnreachable broken) {
                throw new BrokenStreamException("the guest went away during a download", broken);
            } catch (GuestFailure failure) {
                if (response.isCommitted()) {
                    throw new BrokenStreamException("the file could not be read to its end", failure);
                }
                throw GuestErrors.toHttp(failure, user, entry.path());
            }
        }
    }

    private static FileSource open(EnvdSandbox sandbox, String user, String path, long first) {
        try {
            return sandbox.agent().open(user, path, first);
        } catch (GuestUnreachable unreachable) {
            throw unreachable;
        } catch (GuestFailure failure) {
            throw GuestErrors.toHttp(failure, user, resolved(sandbox, user, path));
        }
    }

    private static String resolved(EnvdSandbox sandbox, String user, String path) {
        try {
            return GuestPaths.resolve(sandbox.agent(), user, path);
        } catch (GuestFailure unknownUser) {
            return path;
        }
    }

    /** Small files, of whatever size they claim to be, go out in one piece; larger ones as they are read. */
    private void sendWhole(FileSource source, Response response, boolean gzip) throws IOException {
        try (TransferBuffers.Lease lease = buffers.lend()) {
            ByteBuffer buffer = lease.buffer();
            boolean complete = source.readFully(buffer) < TransferBuffers.BYTES;
            buffer.flip();
            putContentType(response, source.entry(), buffer);
            if (gzip && buffer.hasRemaining()) {
                response.getHeaders().put(HttpHeader.CONTENT_ENCODING, "gzip");
                response.getHeaders().remove(HttpHeader.ACCEPT_RANGES);
                compress(source, response, buffer, complete);
            } else if (complete) {
                response.getHeaders().put(HttpHeader.CONTENT_LENGTH, buffer.remaining());
                response.setStatus(200);
                Content.Sink.write(response, true, buffer);
            } else if (source.entry().size() > TransferBuffers.BYTES) {
                long size = source.entry().size();
                response.getHeaders().put(HttpHeader.CONTENT_LENGTH, size);
                response.setStatus(200);
                Content.Sink.write(response, false, buffer);
                copy(source, response, buffer, TransferBuffers.BYTES, size - TransferBuffers.BYTES);
            } else {
                response.setStatus(200);
                Content.Sink.write(response, false, buffer);
                copyToTheEnd(source, response, buffer);
            }
        }
    }

    private static void putContentType(Response response, GuestEntry entry, ByteBuffer beginning) {
        byte[] sniffed = new byte[Math.min(SNIFFED_BYTES, beginning.remaining())];
        beginning.get(beginning.position(), sniffed);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, FileHeaders.contentType(entry.name(), sniffed));
    }

    private static void copy(FileSource source, Response response, ByteBuffer buffer, long offset, long length)
            throws IOException {
        source.range(offset, length);
        for (long left = length; left > 0; ) {
            int count = source.read(buffer.clear());
            if (count < 0) {
                throw new BrokenStreamException("the file became shorter during its download");
            }
            left -= count;
            Content.Sink.write(response, left == 0, buffer.flip());
        }
    }

    private static void copyToTheEnd(FileSource source, Response response, ByteBuffer buffer) throws IOException {
        source.range(TransferBuffers.BYTES, FileSource.TO_THE_END);
        while (source.read(buffer.clear()) >= 0) {
            Content.Sink.write(response, false, buffer.flip());
        }
        finish(response, 200);
    }

    private static void compress(FileSource source, Response response, ByteBuffer buffer, boolean complete)
            throws IOException {
        response.setStatus(200);
        byte[] bytes = new byte[GZIP_BUFFER_BYTES];
        FastGzip gzip = new FastGzip(Content.Sink.asOutputStream(response), isCompressible(buffer));
        boolean whole = false;
        try {
            drain(buffer, bytes, gzip);
            if (!complete) {
                source.range(TransferBuffers.BYTES, FileSource.TO_THE_END);
                while (source.read(buffer.clear()) >= 0) {
                    drain(buffer.flip(), bytes, gzip);
                }
            }
            whole = true;
        } finally {
            // Closing it otherwise would make what there is look complete.
            if (whole) {
                gzip.close();
            } else {
                gzip.abandon();
            }
        }
    }

    /** Whether the beginning of a file becomes a tenth smaller: what is compressed or encrypted already does not. */
    private static boolean isCompressible(ByteBuffer beginning) {
        int length = Math.min(GZIP_SAMPLE_BYTES, beginning.remaining());
        Deflater deflater = new Deflater(Deflater.BEST_SPEED, true);
        try {
            deflater.setInput(beginning.slice(beginning.position(), length));
            deflater.finish();
            deflater.deflate(new byte[length - length / 10]);
            return deflater.finished() || length < GZIP_SAMPLE_LEAST;
        } finally {
            deflater.end();
        }
    }

    private static void drain(ByteBuffer buffer, byte[] bytes, OutputStream target) throws IOException {
        while (buffer.hasRemaining()) {
            int count = Math.min(bytes.length, buffer.remaining());
            buffer.get(bytes, 0, count);
            target.write(bytes, 0, count);
        }
    }

    /** Clients ask for gzip by default: the wire is seldom slower than the compressor, so the cheapest level that gains anything. */
    private static final class FastGzip extends GZIPOutputStream {
        FastGzip(OutputStream target, boolean compressible) throws IOException {
            super(target, GZIP_BUFFER_BYTES);
            def.setLevel(compressible ? Deflater.BEST_SPEED : Deflater.NO_COMPRESSION);
        }

        /** Frees the compressor and sends nothing more. */
        void abandon() {
            def.end();
        }
    }

    private void sendRange(FileSource source, Request request, Response response) throws IOException {
        GuestEntry entry = source.entry();
        String header = request.getHeaders().get(HttpHeader.RANGE);
        Optional<ByteRange> range = Optional.empty();
        if (header != null && FileHeaders.rangeApplies(request.getHeaders(), entry)) {
            try {
                range = ByteRange.parse(header, entry.size());
            } catch (HttpFailure notSatisfiable) {
                response.getHeaders().put(new HttpField(HttpHeader.CONTENT_RANGE, "bytes */" + entry.size()));
                throw notSatisfiable;
            }
        }
        if (range.isEmpty()) {
            source.range(0, TransferBuffers.BYTES);
            sendWhole(source, response, false);
            return;
        }
        response.setStatus(206);
        response.getHeaders().put(HttpHeader.CONTENT_RANGE, range.get().contentRange(entry.size()));
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, range.get().length());
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, FileHeaders.contentType(entry.name(), new byte[0]));
        try (TransferBuffers.Lease lease = buffers.lend()) {
            copy(
                    source,
                    response,
                    lease.buffer(),
                    range.get().offset(),
                    range.get().length());
        }
    }

    private static void finish(Response response, int status) throws IOException {
        if (!response.isCommitted()) {
            response.setStatus(status);
        }
        Content.Sink.write(response, true, ByteBuffer.allocate(0));
    }
}
