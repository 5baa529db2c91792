/**
 * Relays one HTTP exchange, or the tunnel that it turns into, between a client and a server inside a sandbox. Used by the
 * edge's handler only; knows the node as something that opens sockets.
 */
@NullMarked
package dev.holt.edge.relay;

import org.jspecify.annotations.NullMarked;
