/**
 * Operations on teams, keys, tokens and nodes. Used by the room's door; uses sandbox, access, contract and rest.
 */
@NullMarked
package dev.holt.control.admin;

import org.jspecify.annotations.NullMarked;
