/**
 * What sandboxes start from and write to: template root file systems, overlays, size-limited disks. Used by the node's lifecycle.
 */
@NullMarked
package dev.holt.node.image;

import org.jspecify.annotations.NullMarked;
