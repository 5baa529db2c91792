package dev.holt.node;

import dev.holt.wire.id.SandboxId;

/** The steps of a create, in order. The first seven make a sandbox, ahead of need or not; the others make it somebody's. */
enum CreateStep {
    DIRECTORY,
    ROOT_FILE_SYSTEM,
    SLOT,
    INSTANCE,
    AGENT,
    WARM_JOURNAL,
    CLAIM,
    POLICY,
    JOURNAL;

    /** Hears of each step that was taken. What it throws is a failure of the step after: so tests make every one of them fail. */
    @FunctionalInterface
    interface Listener {
        void taken(CreateStep step, SandboxId sandbox);
    }
}
