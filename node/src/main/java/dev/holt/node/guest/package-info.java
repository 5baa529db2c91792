/**
 * The client of the guest agent (guest-agent/PROTOCOL.md). Used by envd and the node's lifecycle; knows no sandbox, only an address and a token.
 */
@NullMarked
package dev.holt.node.guest;

import org.jspecify.annotations.NullMarked;
