package dev.holt.node;

import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;

/** What two sandboxes must have in common for one to be as good as the other before somebody claims it. */
record SandboxKind(TemplateId template, String buildId, Resources resources, Isolation isolation) {}
