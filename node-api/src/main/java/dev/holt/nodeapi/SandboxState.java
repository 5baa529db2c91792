package dev.holt.nodeapi;

/**
 * What a sandbox is at one moment, as its node tells it. Every state but RUNNING, PAUSED and LOST is a transition with a deadline
 * and ends in one of these three or in the sandbox's end; an ended sandbox is not found any more.
 */
public enum SandboxState {
    /** It serves. */
    RUNNING("running"),
    /** It is being captured for a snapshot or fork and stands still for a moment; it serves again afterwards. */
    CAPTURING("capturing"),
    /** Its state is being written; it serves no more. */
    PAUSING("pausing"),
    /** It uses no CPU time; {@link Pause} tells what of it is kept and where. */
    PAUSED("paused"),
    /** It is being brought back. */
    RESUMING("resuming"),
    /** It is being returned to one of its snapshots. */
    ROLLING_BACK("rolling-back"),
    /** Nothing of it runs and it could not be brought back as it was; what is left can be, by {@link Node#recover}. */
    LOST("lost");

    private final String wireName;

    SandboxState(String wireName) {
        this.wireName = wireName;
    }

    /** The name in answers and events. */
    public String wireName() {
        return wireName;
    }

    /** Whether clients of E2B's, who know two states, are told that it runs; what is being paused is paused to them, as at E2B. */
    public boolean countsAsRunning() {
        return this == RUNNING || this == CAPTURING || this == ROLLING_BACK;
    }

    /** Whether it is on its way to another state: changes are refused with CONFLICT meanwhile, or wait for its end. */
    public boolean inTransition() {
        return this != RUNNING && this != PAUSED && this != LOST;
    }
}
