package dev.holt.node;

import dev.holt.wire.id.TemplateId;
import java.util.Objects;

/** The build of a template whose layers a sandbox's disk stands on: its own, or that of the sandbox whose snapshot it started from. */
record Base(TemplateId template, String buildId) {
    Base {
        Objects.requireNonNull(template, "template");
        Objects.requireNonNull(buildId, "buildId");
    }
}
