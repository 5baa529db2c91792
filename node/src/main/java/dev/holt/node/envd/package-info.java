/**
 * The envd service: the Process and Filesystem rpcs and /files that E2B clients speak, answered on the host. Used by the node's lifecycle and app.
 */
@NullMarked
package dev.holt.node.envd;

import org.jspecify.annotations.NullMarked;
