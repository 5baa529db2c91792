package dev.holt.node;

/** The steps of a create, in order. The first seven make a sandbox, ahead of need or not; the others make it somebody's. */
enum CreateStep implements FlowStep {
    DIRECTORY,
    ROOT_FILE_SYSTEM,
    SLOT,
    INSTANCE,
    AGENT,
    WARM_JOURNAL,
    CLAIM,
    POLICY,
    JOURNAL
}
