/** Tests of the lifecycle. */
@NullMarked
package dev.holt.node;

import org.jspecify.annotations.NullMarked;
