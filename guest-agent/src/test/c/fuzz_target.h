#ifndef HOLT_FUZZ_TARGET_H
#define HOLT_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

enum fuzz_operation {
    FUZZ_STAT,
    FUZZ_MKDIR,
    FUZZ_MOVE,
    FUZZ_REMOVE,
    FUZZ_COMPOSE,
    FUZZ_METRICS,
    FUZZ_SYNC,
    FUZZ_IDENTITY,
    FUZZ_PROCESSES,
    FUZZ_SIGNAL,
    FUZZ_RESIZE,
    FUZZ_LIST,
    FUZZ_WATCH,
    FUZZ_START,
    FUZZ_ATTACH,
    FUZZ_DETACH,
    FUZZ_REWATCH,
    FUZZ_DRAIN,
    FUZZ_INPUT,
    FUZZ_WRITTEN,
    FUZZ_PROTOCOL_ERROR,
    FUZZ_OPERATIONS,
};

/* How often each was reached. */
extern unsigned long fuzz_calls[FUZZ_OPERATIONS];

/* The first byte decides how the rest is cut into pieces; the rest is what comes over the wire. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
