/**
 * The interpreter's kernels for people: what a Jupyter kernel gateway serves, REST and WebSockets, so that JupyterLab, nbclient and the
 * like use a sandbox's kernels as they would local ones. Knows kernels by {@link dev.holt.node.interpreter.gateway.GatewayKernels};
 * used by the interpreter service only.
 */
@NullMarked
package dev.holt.node.interpreter.gateway;

import org.jspecify.annotations.NullMarked;
