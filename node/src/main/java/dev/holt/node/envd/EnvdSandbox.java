package dev.holt.node.envd;

import dev.holt.node.guest.GuestAgent;
import dev.holt.node.logs.SandboxLog;
import dev.holt.nodeapi.MetricSample;
import dev.holt.wire.id.SandboxId;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What the envd service knows of one sandbox.
 *
 * @param accessToken demanded of every caller when present
 * @param environment variables of every process started in it
 * @param defaultUser the user of requests that name none
 * @param defaultWorkingDirectory where commands without cwd run; empty means the user's home
 * @param usage takes a sample now
 */
public record EnvdSandbox(
        SandboxId id,
        GuestAgent agent,
        Optional<String> accessToken,
        Map<String, String> environment,
        String defaultUser,
        Optional<String> defaultWorkingDirectory,
        SandboxLog log,
        Supplier<MetricSample> usage) {
    public EnvdSandbox {
        environment = Map.copyOf(environment);
    }
}
