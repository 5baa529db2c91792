package dev.holt.edge.relay;

import java.io.IOException;

/** A server in a sandbox sent something that is not HTTP/1. */
final class MalformedResponse extends IOException {
    private static final long serialVersionUID = 1L;

    MalformedResponse(String problem) {
        super(problem);
    }
}
