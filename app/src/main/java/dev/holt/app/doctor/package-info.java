/**
 * Says whether this host can run Holt: what was found, what follows from it and how to mend it. Asks the host through
 * {@link dev.holt.app.doctor.Host} only; changes nothing; used by the {@code doctor} command and before a start.
 */
@NullMarked
package dev.holt.app.doctor;

import org.jspecify.annotations.NullMarked;
