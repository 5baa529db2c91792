package dev.holt.control.sandbox;

import dev.holt.nodeapi.Isolation;
import java.util.Optional;

/**
 * What the operator decides about all sandboxes.
 *
 * @param domain under which clients reach sandboxes, perhaps with a port; none leaves it to the clients
 * @param envdVersion what clients take the envd service for
 * @param weakestIsolation never less, whatever a client accepts
 */
public record SandboxSettings(Optional<String> domain, String envdVersion, Isolation weakestIsolation) {}
