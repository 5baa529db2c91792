package dev.holt.http;

import dev.holt.wire.id.SandboxId;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Something that Holt itself answers for every sandbox at a well-known port, such as the envd service at 49983. */
public interface SandboxService {
    /**
     * Answers one request for a sandbox that exists, on the caller's virtual thread, and completes {@code callback} exactly
     * once. A failure that must break the connection fails the callback.
     */
    void handle(SandboxId sandbox, Request request, Response response, Callback callback) throws Exception;

    /** Whether a server of the guest's own that listens on the port is asked instead. */
    default boolean yieldsToGuest() {
        return false;
    }
}
