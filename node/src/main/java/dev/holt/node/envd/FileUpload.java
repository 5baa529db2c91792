package dev.holt.node.envd;

import dev.holt.http.HttpFailure;
import dev.holt.node.guest.Errno;
import dev.holt.node.guest.FileSink;
import dev.holt.node.guest.GuestEntry;
import dev.holt.node.guest.GuestFailure;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Fields;

/** {@code POST /files}: writes what arrives while it arrives. */
final class FileUpload {
    private static final int BAD_REQUEST = 400;
    private static final int INSUFFICIENT_STORAGE = 507;
    private static final int NEW_FILE_MODE = 0644;
    private static final int COPY_BYTES = 64 * 1024;

    private final TransferBuffers buffers;

    FileUpload(TransferBuffers buffers) {
        this.buffers = buffers;
    }

    /** Closing a request's body fails the request, but a refusal must still be answered and the rest of the body read. */
    private static final class LeftOpen extends FilterInputStream {
        LeftOpen(InputStream body) {
            super(body);
        }

        @Override
        public void close() {}
    }

    /** Where bytes come from: a whole body, or a part of one. */
    private interface Bytes {
        int read(byte[] target, int offset, int length) throws IOException;
    }

    /** The files written, as the client is to be told. */
    List<FileAnswer> serve(EnvdSandbox sandbox, Request request, Fields query) throws IOException {
        Access.requireTokenOrSignature(sandbox, request, query, "write");
        String user = Optional.ofNullable(query.getValue("username")).orElse(sandbox.defaultUser());
        Optional<String> path = Optional.ofNullable(query.getValue("path"));
        List<GuestEntry.Attribute> metadata = FileHeaders.metadata(request.getHeaders());
        String contentType = Optional.ofNullable(request.getHeaders().get(HttpHeader.CONTENT_TYPE))
                .orElse("");
        String mediaType = contentType.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        Upload upload = new Upload(sandbox, user, metadata, request.getLength());
        try (InputStream body = decompress(request, new LeftOpen(Content.Source.asInputStream(request)))) {
            if (mediaType.equals("application/octet-stream")) {
                String target = path.orElseThrow(
                        () -> new HttpFailure(BAD_REQUEST, "path query parameter is required for raw body upload"));
                return List.of(upload.write(target, body::read));
            }
            if (mediaType.startsWith("multipart/")) {
                return receiveParts(upload, path, contentType, body);
            }
            throw new HttpFailure(
                    BAD_REQUEST,
                    "unsupported content type: " + contentType
                            + ", expected multipart/form-data or application/octet-stream");
        } catch (ZipException | MultipartReader.MalformedException malformed) {
            throw new HttpFailure(BAD_REQUEST, "error reading the request body: " + malformed.getMessage());
        } catch (EOFException shortened) {
            throw new HttpFailure(BAD_REQUEST, "error reading the request body: it ends too early");
        }
    }

    private static InputStream decompress(Request request, InputStream raw) throws IOException {
        String encoding = Optional.ofNullable(request.getHeaders().get(HttpHeader.CONTENT_ENCODING))
                .orElse("identity")
                .split(";", 2)[0]
                .strip()
                .toLowerCase(Locale.ROOT);
        return switch (encoding) {
            case "", "identity" -> raw;
            case "gzip" -> new GZIPInputStream(raw, COPY_BYTES);
            default ->
                throw new HttpFailure(BAD_REQUEST, "unsupported Content-Encoding: " + encoding + ", supported: [gzip]");
        };
    }

    private List<FileAnswer> receiveParts(Upload upload, Optional<String> path, String contentType, InputStream body)
            throws IOException {
        String boundary = FileHeaders.parameter(contentType, "boundary")
                .orElseThrow(() -> new HttpFailure(BAD_REQUEST, "the multipart content type names no boundary"));
        MultipartReader parts = new MultipartReader(body, boundary);
        List<FileAnswer> written = new ArrayList<>();
        for (Optional<Map<String, String>> next = parts.next(); next.isPresent(); next = parts.next()) {
            String disposition = next.get().getOrDefault("content-disposition", "");
            if (!FileHeaders.parameter(disposition, "name").equals(Optional.of("file"))) {
                continue;
            }
            String name = path.or(() -> FileHeaders.parameter(disposition, "filename"))
                    .orElseThrow(() -> new HttpFailure(
                            BAD_REQUEST, "a part 'file' without a filename, and no path query parameter"));
            upload.refuseTwice(name, written);
            written.add(upload.write(name, parts::read));
        }
        return written;
    }

    /** One request's files. */
    private final class Upload {
        private final EnvdSandbox sandbox;
        private final String user;
        private final List<GuestEntry.Attribute> metadata;
        private final long length;

        Upload(EnvdSandbox sandbox, String user, List<GuestEntry.Attribute> metadata, long length) {
            this.sandbox = sandbox;
            this.user = user;
            this.metadata = metadata;
            this.length = length;
        }

        void refuseTwice(String name, List<FileAnswer> written) {
            if (written.isEmpty()) {
                return;
            }
            String resolved = GuestPaths.resolve(sandbox.agent(), user, forAgent(name));
            if (written.stream().anyMatch(file -> file.path().equals(resolved))) {
                throw new HttpFailure(
                        BAD_REQUEST,
                        "you cannot upload multiple files to the same path '" + resolved
                                + "' in one upload request, only the first specified file was uploaded");
            }
        }

        private String forAgent(String path) {
            return GuestPaths.forAgent(path, sandbox.defaultWorkingDirectory())
                    .orElseThrow(() -> new HttpFailure(
                            BAD_REQUEST, "error resolving path '" + path + "': cannot expand user-specific home dir"));
        }

        FileAnswer write(String name, Bytes content) throws IOException {
            String path = forAgent(name);
            try (TransferBuffers.Lease lease = buffers.lend();
                    FileSink sink = open(path)) {
                byte[] bytes = new byte[COPY_BYTES];
                ByteBuffer buffer = lease.buffer();
                for (int count = content.read(bytes, 0, bytes.length);
                        count >= 0;
                        count = content.read(bytes, 0, Math.min(bytes.length, buffer.remaining()))) {
                    buffer.put(bytes, 0, count);
                    if (!buffer.hasRemaining()) {
                        sink.write(buffer.flip());
                        buffer.clear();
                    }
                }
                GuestEntry entry = sink.finish(buffer.flip());
                sandbox.agent().keepAttributes(entry.path(), EntryInfos.METADATA_PREFIX, metadata);
                return FileAnswer.of(sandbox.agent(), entry);
            } catch (GuestFailure failure) {
                throw refusal(failure, path);
            }
        }

        /** With attributes, and without where the file system has none (the file matters more). */
        private FileSink open(String path) {
            FileSink sink = sandbox.agent().write(target(path, EntryInfos.METADATA_PREFIX, metadata));
            if (metadata.isEmpty()) {
                return sink;
            }
            try {
                sink.open();
                return sink;
            } catch (GuestFailure failure) {
                sink.close();
                if (failure.errno() != Errno.ENOTSUP) {
                    throw failure;
                }
                return sandbox.agent().write(target(path, "", List.of()));
            }
        }

        private FileSink.Target target(String path, String prefix, List<GuestEntry.Attribute> attributes) {
            return new FileSink.Target(user, path, NEW_FILE_MODE, OptionalLong.empty(), prefix, attributes);
        }

        private HttpFailure refusal(GuestFailure failure, String path) {
            if (failure.errno() == Errno.ENOSPC || failure.errno() == Errno.EDQUOT) {
                String attempt = length > 0 ? "attempted to write " + length + " bytes: " : "";
                return new HttpFailure(INSUFFICIENT_STORAGE, attempt + "not enough disk space available");
            }
            if (failure.errno() == Errno.EISDIR) {
                return new HttpFailure(BAD_REQUEST, "path is a directory: " + path);
            }
            return GuestErrors.toHttp(failure, user, path);
        }
    }
}
