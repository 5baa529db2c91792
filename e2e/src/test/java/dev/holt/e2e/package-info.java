/**
 * Tests through the front door: the real SDKs and the real command line against a real {@code holt} process with real
 * runtimes. Nothing of Holt's own code is called.
 */
@NullMarked
package dev.holt.e2e;

import org.jspecify.annotations.NullMarked;
