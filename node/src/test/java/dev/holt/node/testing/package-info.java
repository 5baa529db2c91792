/**
 * What tests of several rooms share: real sandboxes, and proof that nothing is left of them.
 */
@NullMarked
package dev.holt.node.testing;

import org.jspecify.annotations.NullMarked;
