/**
 * Slots: prepared network namespaces with addresses and rules. Used by the node's lifecycle; uses process and pool.
 */
@NullMarked
package dev.holt.node.network;

import org.jspecify.annotations.NullMarked;
