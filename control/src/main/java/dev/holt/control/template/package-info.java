/**
 * Templates, their builds and names: what sandboxes start from. Used by sandbox and the room's door; uses access, contract,
 * database and rest.
 */
@NullMarked
package dev.holt.control.template;

import org.jspecify.annotations.NullMarked;
