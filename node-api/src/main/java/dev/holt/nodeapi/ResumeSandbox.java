package dev.holt.nodeapi;

import java.time.Duration;

/**
 * How to bring a paused sandbox back.
 *
 * @param timeout how long it shall live from now; for one that runs already its deadline only ever moves later
 * @param useMemory false boots it afresh from its file system although memory is kept; the image is left alone until the next pause
 */
public record ResumeSandbox(Duration timeout, boolean useMemory) {}
