/**
 * The control room's database: connections, one fair writer, migrations. Knows no tables. Used by the packages that own
 * tables.
 */
@NullMarked
package dev.holt.control.database;

import org.jspecify.annotations.NullMarked;
