package dev.holt.node;

/** The steps of what becomes of a sandbox after its create, each flow's in order. */
enum StateStep implements FlowStep {
    PAUSE_JOURNAL,
    PAUSE_CUT,
    PAUSE_STANDS,
    PAUSE_MEMORY,
    PAUSE_DISK_SYNCED,
    PAUSE_SUMMED,
    /** From here on it is paused, whatever happens. */
    PAUSE_COMMITTED,
    PAUSE_COMMIT_JOURNAL,
    PAUSE_INSTANCE_GONE,
    PAUSE_AT_REST,
    PAUSE_DISK_SUMMED,

    RESUME_RESERVED,
    RESUME_JOURNAL,
    RESUME_VERIFIED,
    RESUME_MOUNTED,
    RESUME_SLOT,
    RESUME_INSTANCE,
    RESUME_AGENT,
    RESUME_RUNS,

    CAPTURE_JOURNAL,
    CAPTURE_HELD,
    CAPTURE_STANDS,
    CAPTURE_MEMORY,
    CAPTURE_DISK,
    CAPTURE_GOES_ON,
    CAPTURE_SUMMED,
    CAPTURE_COMMITTED,

    ROLLBACK_VERIFIED,
    ROLLBACK_JOURNAL,
    ROLLBACK_COPIED,
    ROLLBACK_STOPPED,
    ROLLBACK_SWAPPED
}
