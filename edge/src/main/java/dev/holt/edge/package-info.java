/**
 * Brings clients' traffic to the right sandbox and port. Used by app only; uses wire, http and node-api.
 */
@NullMarked
package dev.holt.edge;

import org.jspecify.annotations.NullMarked;
