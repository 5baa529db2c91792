package dev.holt.node;

import dev.holt.node.guest.AgentToken;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A sandbox's way from one phase to another, as the journal has it: what a new daemon needs to finish it or to go back.
 *
 * @param from the phase before
 * @param until when it has to have ended
 * @param generation of the pause that is being written, or that it comes back from; 0 for none
 * @param step how far it has got
 * @param known the token that a guest which is being restored knows until it is told its own
 */
record Transition(Phase from, Instant until, int generation, Step step, Optional<AgentToken> known) {
    /** How far a transition has got, as far as it matters to whoever finds it. */
    enum Step {
        /** Nothing was changed that could not be left as it is. */
        BEGUN,
        /** A resume or rollback: its disk was mounted, or exchanged; no guest ran on it. */
        OPENED,
        /** A resume or rollback: a guest was started, and may have written to the disk. */
        STARTED,
        /** A pause: it is durable, and what runs is to be freed. */
        COMMITTED
    }

    Transition {
        Objects.requireNonNull(from, "from");
        Objects.requireNonNull(until, "until");
        Objects.requireNonNull(step, "step");
        known = orNone(known);
    }

    Transition(Phase from, Instant until, int generation, Step step) {
        this(from, until, generation, step, Optional.empty());
    }

    private static Optional<AgentToken> orNone(@Nullable Optional<AgentToken> read) {
        return read == null ? Optional.empty() : read;
    }

    Transition at(Step next) {
        return new Transition(from, until, generation, next, known);
    }

    /** A guest is about to be started; empty when it is booted and knows nothing but its own token. */
    Transition started(Optional<AgentToken> its) {
        return new Transition(from, until, generation, Step.STARTED, its);
    }
}
