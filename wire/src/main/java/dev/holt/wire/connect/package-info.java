/**
 * The Connect protocol's codes and envelopes, free of any I/O. Used by the envd service and, later, by node clients.
 */
@NullMarked
package dev.holt.wire.connect;

import org.jspecify.annotations.NullMarked;
