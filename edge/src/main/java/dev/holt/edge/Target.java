package dev.holt.edge;

import dev.holt.wire.id.SandboxId;
import java.util.Optional;

/** What the host and the routing headers of a request say about where it goes. */
sealed interface Target {
    /**
     * A port of a sandbox, which may not exist.
     *
     * @param name the id as the client wrote it, in lower case; letters and digits only
     * @param port 1 to 65535
     */
    record Sandbox(String name, int port) implements Target {
        /** The id, or empty when no sandbox can be called that. */
        Optional<SandboxId> id() {
            return SandboxId.parse(name);
        }
    }

    /** Meant for a sandbox, but wrong: the message says how. */
    record Invalid(String message) implements Target {}

    /** Names no sandbox. */
    record None() implements Target {}

    Target NONE = new None();
}
