/** Tests of the package of the same name. */
@NullMarked
package dev.holt.node.snapshot;

import org.jspecify.annotations.NullMarked;
