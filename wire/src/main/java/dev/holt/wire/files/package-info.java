/**
 * What the addresses of files in sandboxes are made of. Used by the envd service, which checks them, and by the edge, which
 * routes by them.
 */
@NullMarked
package dev.holt.wire.files;

import org.jspecify.annotations.NullMarked;
