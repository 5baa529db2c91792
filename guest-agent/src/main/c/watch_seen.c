#include "watch_seen.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4096, USED_MAXIMUM = SLOTS / 4 * 3 };

/* FNV-1a, never 0 or 1. */
static uint64_t hash(int descriptor, const char *name) {
    uint64_t value = UINT64_C(14695981039346656037) ^ (uint64_t)(unsigned)descriptor;
    value *= UINT64_C(1099511628211);
    for (; *name != 0; name++) {
        value = (value ^ (unsigned char)*name) * UINT64_C(1099511628211);
    }
    return value | 2;
}

void watch_seen_add(struct watch_seen *seen, int descriptor, const char *name) {
    if (seen->slots == NULL && (seen->slots = calloc(SLOTS, sizeof *seen->slots)) == NULL) {
        return;
    }
    if (seen->used == USED_MAXIMUM) {
        return;
    }
    uint64_t value = hash(descriptor, name);
    size_t slot = (size_t)(value >> 32) % SLOTS;
    while (seen->slots[slot] != 0 && seen->slots[slot] != value) {
        slot = (slot + 1) % SLOTS;
    }
    seen->used += seen->slots[slot] == 0;
    seen->slots[slot] = value;
}

bool watch_seen_take(struct watch_seen *seen, int descriptor, const char *name) {
    if (seen->slots == NULL) {
        return false;
    }
    uint64_t value = hash(descriptor, name);
    for (size_t slot = (size_t)(value >> 32) % SLOTS; seen->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        if (seen->slots[slot] == value) {
            seen->slots[slot] = 1;
            return true;
        }
    }
    return false;
}

void watch_seen_free(struct watch_seen *seen) {
    free(seen->slots);
    *seen = (struct watch_seen){0};
}
