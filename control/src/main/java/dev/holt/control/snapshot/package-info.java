/**
 * Snapshots as a client sees them: builds that were made from sandboxes, their names and tags, and keeping their rows in step with
 * what the node has. Used by the room's door; uses sandbox, template, access, contract, database and rest.
 */
@NullMarked
package dev.holt.control.snapshot;

import org.jspecify.annotations.NullMarked;
