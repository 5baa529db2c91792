/**
 * The holt binary: main, command line, configuration, wiring of the roles. Nothing may use it.
 */
@NullMarked
package dev.holt.app;

import org.jspecify.annotations.NullMarked;
