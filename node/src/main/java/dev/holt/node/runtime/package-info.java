/**
 * What isolates: the one seam {@code SandboxRuntime} and its OCI implementation that drives runc and runsc. Used by the node's lifecycle
 * and, for what it says of images, by snapshot.
 */
@NullMarked
package dev.holt.node.runtime;

import org.jspecify.annotations.NullMarked;
