/**
 * Running the host's own tools (nft, ip, runc, mmdebstrap ...). Used by runtime, image and network; uses nothing.
 */
@NullMarked
package dev.holt.node.process;

import org.jspecify.annotations.NullMarked;
