package dev.holt.node.runtime;

import java.time.Duration;

/** How an engine stops and continues one guest. Not for several threads at once. */
interface Suspension {
    /** Whether it is suspended, found out from the engine itself. */
    boolean stands(Duration limit);

    /** Suspends a guest that is not. */
    void begin(Duration limit);

    /** Lets a guest go on that is suspended. */
    void end(Duration limit);
}
