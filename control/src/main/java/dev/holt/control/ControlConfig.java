package dev.holt.control;

import dev.holt.control.access.TeamQuotas;
import dev.holt.nodeapi.Isolation;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * What control has to know from the operator.
 *
 * @param database the SQLite file; created with mode 0600 when missing
 * @param defaultKeyFile keeps the default team's API key in clear text, mode 0600; see {@link Control#ensureDefaultApiKey}
 * @param adminToken opens the admin operations; without one they stay closed
 * @param domain under which clients reach sandboxes, perhaps with {@code :port}; without one clients use their own setting
 * @param envdVersion what clients take the envd service for; they switch features on by it
 * @param quotas of the default team; other teams get theirs when they are created
 * @param weakestIsolation no sandbox is isolated less, whatever a client accepts
 * @param version of this program, {@code version} or {@code version+commit}
 */
public record ControlConfig(
        Path database,
        Path defaultKeyFile,
        Optional<String> adminToken,
        Optional<String> domain,
        String envdVersion,
        TeamQuotas quotas,
        Isolation weakestIsolation,
        String version) {
    /** Quotas for a machine with one owner: the node's own capacity is what limits. */
    public static final TeamQuotas GENEROUS = new TeamQuotas(10_000, 100_000, 1L << 30, Duration.ofHours(24));

    /** The envd version whose semantics Holt's envd service has. */
    public static final String ENVD_VERSION = "0.6.13";

    private static final int SHORTEST_ADMIN_TOKEN = 16;

    public ControlConfig {
        if (adminToken.filter(token -> token.length() < SHORTEST_ADMIN_TOKEN).isPresent()) {
            throw new IllegalArgumentException(
                    "the admin token must have at least " + SHORTEST_ADMIN_TOKEN + " characters");
        }
    }
}
