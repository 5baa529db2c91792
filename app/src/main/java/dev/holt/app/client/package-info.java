/**
 * How the command line speaks with a running Holt: REST for what control answers, Connect for processes in a sandbox. A
 * client like any other, it knows nothing of the rooms behind; used by the commands and by the self-test of {@code up}.
 */
@NullMarked
package dev.holt.app.client;

import org.jspecify.annotations.NullMarked;
