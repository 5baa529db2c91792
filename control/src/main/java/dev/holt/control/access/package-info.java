/**
 * Who is asking and what they may use: teams and their quotas, users, API keys, access tokens. Used by the packages above
 * it in the control room; uses contract and database.
 */
@NullMarked
package dev.holt.control.access;

import org.jspecify.annotations.NullMarked;
