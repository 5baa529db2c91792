/** Tests of slots, in namespaces of their own. */
@NullMarked
package dev.holt.node.network;

import org.jspecify.annotations.NullMarked;
