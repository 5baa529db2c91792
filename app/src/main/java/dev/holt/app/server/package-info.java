/**
 * Holt as a daemon: starts the rooms in order, wires them, proves that they work and stops them. The only package that
 * sees the rooms' constructors; used by the commands.
 */
@NullMarked
package dev.holt.app.server;

import org.jspecify.annotations.NullMarked;
