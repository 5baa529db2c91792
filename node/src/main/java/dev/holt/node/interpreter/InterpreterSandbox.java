package dev.holt.node.interpreter;

import dev.holt.node.guest.GuestAgent;
import dev.holt.wire.id.SandboxId;
import java.util.Map;
import java.util.Optional;

/**
 * What the interpreter service knows of one sandbox.
 *
 * @param agent another one for each run of it: a resumed sandbox has a new one
 * @param accessToken demanded of whoever runs code when present
 * @param environment variables of every kernel in it
 */
public record InterpreterSandbox(
        SandboxId id, GuestAgent agent, Optional<String> accessToken, Map<String, String> environment) {
    public InterpreterSandbox {
        environment = Map.copyOf(environment);
    }
}
