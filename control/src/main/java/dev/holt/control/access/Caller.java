package dev.holt.control.access;

import java.util.Optional;

/**
 * Who is asking.
 *
 * @param actingFor the team, for everything but open and admin operations
 * @param user the person, when the credential tells
 */
public record Caller(Optional<Team> actingFor, Optional<String> user) {
    static final Caller NOBODY = new Caller(Optional.empty(), Optional.empty());

    /** The team of an operation that is done for a team. */
    public Team team() {
        return actingFor.orElseThrow(() -> new IllegalStateException("the operation has no team"));
    }
}
