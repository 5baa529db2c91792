/** Tests of sandbox logs. */
@NullMarked
package dev.holt.node.logs;

import org.jspecify.annotations.NullMarked;
