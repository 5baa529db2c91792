/**
 * What sandboxes use: samples taken every few seconds and kept in small files. Used by the node's lifecycle; uses guest,
 * runtime and pool.
 */
@NullMarked
package dev.holt.node.metrics;

import org.jspecify.annotations.NullMarked;
