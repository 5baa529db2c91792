/**
 * The lines that clients of the interpreter service read, made of the messages that kernels send. Used by the interpreter service only.
 */
@NullMarked
package dev.holt.node.interpreter.output;

import org.jspecify.annotations.NullMarked;
