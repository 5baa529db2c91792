/**
 * The contract of the REST API: {@code openapi.yml} turned into operations that route, and schemas that validate. Used by
 * every package of the control room; uses none of them.
 */
@NullMarked
package dev.holt.control.contract;

import org.jspecify.annotations.NullMarked;
