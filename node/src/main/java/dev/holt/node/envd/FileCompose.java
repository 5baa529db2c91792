package dev.holt.node.envd;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.holt.http.HttpFailure;
import dev.holt.http.JsonBody;
import dev.holt.node.guest.Errno;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestEntry;
import dev.holt.node.guest.GuestFailure;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/** {@code POST /files/compose}: joins files into one. */
final class FileCompose {
    private static final int BAD_REQUEST = 400;
    private static final int NOT_FOUND = 404;
    private static final int BODY_MAXIMUM = 1024 * 1024;

    /** The request's body. */
    record Body(
            @JsonProperty("source_paths") @Nullable List<String> sourcePaths,
            @Nullable String destination,
            @Nullable String username) {}

    FileAnswer serve(EnvdSandbox sandbox, Request request) throws IOException {
        Body body = JsonBody.read(request, BODY_MAXIMUM, Body.class);
        List<String> sources = body.sourcePaths;
        String destination = body.destination;
        if (sources == null || sources.isEmpty()) {
            throw new HttpFailure(BAD_REQUEST, "source_paths must not be empty");
        }
        if (destination == null || destination.isEmpty()) {
            throw new HttpFailure(BAD_REQUEST, "destination is required");
        }
        String user = Optional.ofNullable(body.username).orElse(sandbox.defaultUser());
        GuestAgent agent = sandbox.agent();
        try {
            String target = GuestPaths.resolve(agent, user, forAgent(sandbox, destination));
            List<String> paths = new ArrayList<>();
            for (String source : sources) {
                paths.add(check(sandbox, user, source, target));
            }
            GuestEntry entry = agent.compose(user, paths, target);
            return new FileAnswer(entry.path(), entry.name(), "file", Map.of());
        } catch (GuestFailure failure) {
            throw GuestErrors.toHttp(failure, user, destination);
        }
    }

    private static String forAgent(EnvdSandbox sandbox, String path) {
        return GuestPaths.forAgent(path, sandbox.defaultWorkingDirectory())
                .orElseThrow(() -> new HttpFailure(
                        BAD_REQUEST, "error resolving path '" + path + "': cannot expand user-specific home dir"));
    }

    private static String check(EnvdSandbox sandbox, String user, String source, String destination) {
        try {
            GuestEntry entry = sandbox.agent().stat(user, forAgent(sandbox, source));
            if (entry.path().equals(destination)) {
                throw new HttpFailure(BAD_REQUEST, "source path \"" + source + "\" cannot be the same as destination");
            }
            if (entry.type() != GuestEntry.Type.FILE) {
                throw new HttpFailure(BAD_REQUEST, "source path is not a regular file: " + source);
            }
            return entry.path();
        } catch (GuestFailure failure) {
            if (failure.errno() == Errno.ENOENT || failure.errno() == Errno.ENOTDIR) {
                throw new HttpFailure(NOT_FOUND, "source file not found: " + source);
            }
            throw failure;
        }
    }
}
