/*
 * Names that a scan of a new directory reported while the kernel may have queued the same news. A set of 64-bit hashes of fixed
 * size: when it is full, a name can be reported twice, which the protocol allows.
 */
#ifndef HOLT_WATCH_SEEN_H
#define HOLT_WATCH_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch_seen {
    uint64_t *slots; /* 0 is empty, 1 was taken out */
    size_t used;
};

void watch_seen_add(struct watch_seen *seen, int descriptor, const char *name);
/* Takes the name out; true when it was there. */
bool watch_seen_take(struct watch_seen *seen, int descriptor, const char *name);
/* Empties the set. */
void watch_seen_free(struct watch_seen *seen);

#endif
