/**
 * Sandboxes as a client sees them: create, find, list, prolong, end, their logs and metrics; quotas; keeping the database in
 * step with the node. Used by the room's door; uses template, access, contract, database and rest.
 */
@NullMarked
package dev.holt.control.sandbox;

import org.jspecify.annotations.NullMarked;
