/**
 * Building blocks of Holt's HTTP servers: listeners, JSON answers, watching for clients that went away. No domain knowledge; used by control, edge, node and app.
 */
@NullMarked
package dev.holt.http;

import org.jspecify.annotations.NullMarked;
