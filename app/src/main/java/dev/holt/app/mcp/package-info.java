/**
 * Holt for agents that speak the Model Context Protocol: tools to make, use and end sandboxes, over standard input and output or over
 * HTTP. A client of Holt like the command line, through the {@code client} package alone; started by the command line.
 */
@NullMarked
package dev.holt.app.mcp;

import org.jspecify.annotations.NullMarked;
