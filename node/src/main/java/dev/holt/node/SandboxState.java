package dev.holt.node;

import java.util.Set;

/** What a sandbox is at one moment. {@link Sandbox} is the only one that moves it. */
enum SandboxState {
    /** Started, ready, nobody's. */
    WARM,
    /** Somebody's. */
    RUNNING,
    /** Being ended: not found any more, maybe still running. */
    ENDING,
    /** Nothing of it runs. */
    ENDED;

    /** Whether a sandbox may go from this state to {@code next}. ENDING to itself is the next try after a failed one. */
    boolean mayBecome(SandboxState next) {
        return switch (this) {
            case WARM -> Set.of(RUNNING, ENDING).contains(next);
            case RUNNING -> next == ENDING;
            case ENDING -> Set.of(ENDING, ENDED).contains(next);
            case ENDED -> false;
        };
    }
}
