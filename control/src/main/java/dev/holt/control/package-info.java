/**
 * The REST side that decides: authentication, teams, quotas, templates, the database. Used by app only; uses wire, http and node-api.
 */
@NullMarked
package dev.holt.control;

import org.jspecify.annotations.NullMarked;
