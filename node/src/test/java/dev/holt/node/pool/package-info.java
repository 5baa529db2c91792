/** Tests of pools and leases. */
@NullMarked
package dev.holt.node.pool;

import org.jspecify.annotations.NullMarked;
