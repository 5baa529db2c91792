/**
 * The REST side that decides: authentication, teams, quotas, templates, the database. {@link dev.holt.control.Control} is the
 * door; the packages below are the room's own. Used by app only; uses wire, http and node-api.
 */
@NullMarked
package dev.holt.control;

import org.jspecify.annotations.NullMarked;
