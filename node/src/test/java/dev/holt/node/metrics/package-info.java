/** Tests of metrics. */
@NullMarked
package dev.holt.node.metrics;

import org.jspecify.annotations.NullMarked;
