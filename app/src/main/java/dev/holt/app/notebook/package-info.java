/**
 * Sandboxes for people with notebooks: a loopback address that any Jupyter client takes for a kernel gateway, and notebook files that are
 * executed in a sandbox. A client of Holt, through the {@code client} package; used by the commands.
 */
@NullMarked
package dev.holt.app.notebook;

import org.jspecify.annotations.NullMarked;
