/**
 * What isolates: the one seam {@code SandboxRuntime} and its OCI implementation that drives runc and runsc. Used by the node's lifecycle.
 */
@NullMarked
package dev.holt.node.runtime;

import org.jspecify.annotations.NullMarked;
