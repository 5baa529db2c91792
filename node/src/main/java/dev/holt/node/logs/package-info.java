/**
 * Sandbox logs: bounded, on disk. Used by envd and the node's lifecycle.
 */
@NullMarked
package dev.holt.node.logs;

import org.jspecify.annotations.NullMarked;
