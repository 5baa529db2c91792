/**
 * The commands of {@code holt}: what each takes, prints and ends with. The work is done by the packages beside it.
 */
@NullMarked
package dev.holt.app.cli;

import org.jspecify.annotations.NullMarked;
