/**
 * The node: sandboxes of one host from create to end. {@link dev.holt.nodeapi.Node} is its door; only app sees more of it.
 */
@NullMarked
package dev.holt.node;

import org.jspecify.annotations.NullMarked;
