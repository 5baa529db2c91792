/** Black-box tests of the guest agent's binary, over loopback, from PROTOCOL.md alone. They need root, as the agent does. */
@NullMarked
package dev.holt.guestagent;

import org.jspecify.annotations.NullMarked;
