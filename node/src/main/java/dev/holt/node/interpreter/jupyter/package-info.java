/**
 * The Jupyter messaging protocol over ZeroMQ: sockets, signed messages, bounded memory. Knows kernels by address and key, and neither
 * sandboxes nor HTTP. Used by the interpreter service only.
 */
@NullMarked
package dev.holt.node.interpreter.jupyter;

import org.jspecify.annotations.NullMarked;
