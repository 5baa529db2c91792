/**
 * What is kept of sandboxes on disk so that they can come back: the images of pauses and the builds made from sandboxes, each with a
 * record that is written last and says what every file must be. Used by the node's lifecycle; uses linux, guest's token and
 * runtime's image witness.
 */
@NullMarked
package dev.holt.node.snapshot;

import org.jspecify.annotations.NullMarked;
