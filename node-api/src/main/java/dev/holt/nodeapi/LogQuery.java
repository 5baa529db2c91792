package dev.holt.nodeapi;

import java.time.Instant;
import java.util.Optional;

/**
 * Which log lines to return.
 *
 * @param from lines at or after this time
 * @param until lines at or before this time
 * @param limit at most this many, 1 to 10000
 * @param newestFirst whether {@code limit} counts, and the answer starts, from the newest
 * @param least only lines of at least this level
 * @param search only lines whose message contains this text
 */
public record LogQuery(
        Optional<Instant> from,
        Optional<Instant> until,
        int limit,
        boolean newestFirst,
        LogEntry.Level least,
        Optional<String> search) {}
