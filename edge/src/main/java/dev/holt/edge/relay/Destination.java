package dev.holt.edge.relay;

import dev.holt.wire.id.SandboxId;

/**
 * Where an exchange goes.
 *
 * @param sandbox the sandbox
 * @param port 1 to 65535, inside it
 * @param host the Host that its server sees
 * @param originalHost the Host that the client sent
 */
public record Destination(SandboxId sandbox, int port, String host, String originalHost) {}
