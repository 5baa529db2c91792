/**
 * Typed identifiers. Every room may use it; it uses nothing.
 */
@NullMarked
package dev.holt.wire.id;

import org.jspecify.annotations.NullMarked;
