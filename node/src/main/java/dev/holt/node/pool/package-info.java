/**
 * Leases and pools of things made ahead of need: slots, disks, whole sandboxes. Used by the node's lifecycle, network and
 * image; uses nothing.
 */
@NullMarked
package dev.holt.node.pool;

import org.jspecify.annotations.NullMarked;
