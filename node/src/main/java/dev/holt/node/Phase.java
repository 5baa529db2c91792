package dev.holt.node;

import dev.holt.nodeapi.SandboxState;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Where a sandbox is in its life. {@link Sandbox} is the only one that moves it; docs/state.md draws it. */
enum Phase {
    /** Started, ready, nobody's. */
    WARM,
    /** Somebody's. */
    RUNNING,
    /** Standing still for a moment, while a build is made from it. */
    CAPTURING,
    /** What it is is being written. */
    PAUSING,
    /** Kept: on disk, or standing still in memory. */
    PAUSED,
    /** Coming back from a pause or from being lost. */
    RESUMING,
    /** Becoming what it was at one of its snapshots. */
    ROLLING_BACK,
    /** Nothing of it runs; its disk is there. */
    LOST,
    /** Being ended: not found any more, maybe still running. */
    ENDING,
    /** Nothing of it runs. */
    ENDED;

    /** Whether a sandbox may go from this phase to {@code next}. ENDING to itself is the next try after a failed one. */
    boolean mayBecome(Phase next) {
        return switch (this) {
            case WARM -> Set.of(RUNNING, ENDING).contains(next);
            case RUNNING ->
                Set.of(CAPTURING, PAUSING, ROLLING_BACK, LOST, ENDING).contains(next);
            case CAPTURING -> Set.of(RUNNING, LOST, ENDING).contains(next);
            case PAUSING -> Set.of(PAUSED, RUNNING, LOST, ENDING).contains(next);
            case PAUSED -> Set.of(RESUMING, ROLLING_BACK, LOST, ENDING).contains(next);
            case RESUMING -> Set.of(RUNNING, PAUSED, LOST, ENDING).contains(next);
            case ROLLING_BACK -> Set.of(RUNNING, PAUSED, LOST, ENDING).contains(next);
            case LOST -> Set.of(RESUMING, ENDING).contains(next);
            case ENDING -> Set.of(ENDING, ENDED).contains(next);
            case ENDED -> false;
        };
    }

    /** What the node API calls it; empty for what it does not tell of. */
    Optional<SandboxState> told() {
        return switch (this) {
            case RUNNING -> Optional.of(SandboxState.RUNNING);
            case CAPTURING -> Optional.of(SandboxState.CAPTURING);
            case PAUSING -> Optional.of(SandboxState.PAUSING);
            case PAUSED -> Optional.of(SandboxState.PAUSED);
            case RESUMING -> Optional.of(SandboxState.RESUMING);
            case ROLLING_BACK -> Optional.of(SandboxState.ROLLING_BACK);
            case LOST -> Optional.of(SandboxState.LOST);
            case WARM, ENDING, ENDED -> Optional.empty();
        };
    }

    /** In messages; not {@code toString}, by which the journal's format would change. */
    String words() {
        return told().map(SandboxState::wireName).orElseGet(() -> name().toLowerCase(Locale.ROOT));
    }

    /** Whether it is on its way and has a deadline for that. */
    boolean inTransition() {
        return told().map(SandboxState::inTransition).orElse(false);
    }
}
