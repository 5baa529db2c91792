package dev.holt.node.interpreter.jupyter;

import java.time.Instant;
import java.util.Optional;

/**
 * A message of a kernel whose signature was good.
 *
 * @param parent the id of the request that it is about
 * @param date when the kernel says it was made; when it came, if it says nothing that can be read
 * @param content JSON, not looked at yet
 */
public record KernelMessage(
        Channel channel, String type, String id, Optional<String> parent, Instant date, byte[] content) {
    /** Whether it is about the request {@code id}. */
    public boolean answers(String request) {
        return parent.isPresent() && parent.get().equals(request);
    }
}
