/**
 * Holt's settings: the table that says which exist, and the reader that takes them from flags, HOLT_ variables and one
 * YAML file. Knows nothing of the rooms that use the values; used by the rest of app.
 */
@NullMarked
package dev.holt.app.settings;

import org.jspecify.annotations.NullMarked;
