/**
 * The interpreter service: what E2B's code interpreter clients find at port 49999 of every sandbox, answered on the host by speaking to
 * Jupyter kernels inside. Used by the node's lifecycle and app.
 */
@NullMarked
package dev.holt.node.interpreter;

import org.jspecify.annotations.NullMarked;
