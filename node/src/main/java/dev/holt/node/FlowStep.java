package dev.holt.node;

import dev.holt.wire.id.SandboxId;

/** The steps of a node's flows: where tests make them fail, stop or die. */
sealed interface FlowStep permits CreateStep, StateStep {
    /** Hears of each step that was taken. What it throws is a failure of the step after: so tests make every one of them fail. */
    @FunctionalInterface
    interface Listener {
        void taken(FlowStep step, SandboxId sandbox);
    }
}
