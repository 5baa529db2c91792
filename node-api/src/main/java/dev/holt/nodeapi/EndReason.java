package dev.holt.nodeapi;

/** Why a sandbox ended. */
public enum EndReason {
    /** A client asked. */
    KILLED,
    /** Its deadline passed. */
    TIMEOUT,
    /** Its first process ended or its runtime crashed. */
    CRASHED,
    /** It was found on a restart without an acknowledged create. */
    ORPHANED,
    /** The host restarted while it ran. */
    HOST_RESTARTED
}
