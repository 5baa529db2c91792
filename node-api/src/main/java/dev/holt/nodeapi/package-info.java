/**
 * What control and edge may ask of a node: one interface, {@link dev.holt.nodeapi.Node}, with a local implementation in the node room. Used by control, edge, node and app; uses only wire.
 */
@NullMarked
package dev.holt.nodeapi;

import org.jspecify.annotations.NullMarked;
