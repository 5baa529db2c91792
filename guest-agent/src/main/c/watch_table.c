#include "watch_table.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS_AT_FIRST = 32, DEPTH_MAXIMUM = 2048 };

static struct watched **bucket_of(const struct watch_table *table, int descriptor) {
    return &table->buckets[(size_t)descriptor & (table->bucket_count - 1)]; /* they are counted up: an even spread */
}

void watch_table_free(struct watch_table *table) {
    for (size_t i = 0; i < table->bucket_count; i++) {
        for (struct watched *watched = table->buckets[i], *next; watched != NULL; watched = next) {
            next = watched->next;
            free(watched);
        }
    }
    free(table->buckets);
    *table = (struct watch_table){0};
}

struct watched *watch_table_find(const struct watch_table *table, int descriptor) {
    struct watched *watched = table->bucket_count == 0 ? NULL : *bucket_of(table, descriptor);
    while (watched != NULL && watched->descriptor != descriptor) {
        watched = watched->next;
    }
    return watched;
}

struct watched *watch_table_find_child(const struct watch_table *table, int parent, const char *name) {
    for (size_t i = 0; i < table->bucket_count; i++) {
        for (struct watched *watched = table->buckets[i]; watched != NULL; watched = watched->next) {
            if (watched->parent == parent && strcmp(watched->name, name) == 0) {
                return watched;
            }
        }
    }
    return NULL;
}

static bool grow(struct watch_table *table) {
    size_t bucket_count = table->bucket_count == 0 ? BUCKETS_AT_FIRST : table->bucket_count * 2;
    struct watched **buckets = calloc(bucket_count, sizeof *buckets);
    if (buckets == NULL) {
        return false;
    }
    struct watch_table grown = {buckets, bucket_count, table->count};
    for (size_t i = 0; i < table->bucket_count; i++) {
        for (struct watched *watched = table->buckets[i], *next; watched != NULL; watched = next) {
            next = watched->next;
            struct watched **bucket = bucket_of(&grown, watched->descriptor);
            watched->next = *bucket;
            *bucket = watched;
        }
    }
    free(table->buckets);
    *table = grown;
    return true;
}

bool watch_table_put(struct watch_table *table, int descriptor, int parent, const char *name) {
    if (table->count >= table->bucket_count && !grow(table)) {
        return false;
    }
    size_t size = strlen(name) + 1;
    struct watched *watched = malloc(sizeof *watched + size);
    if (watched == NULL) {
        return false;
    }
    watch_table_remove(table, descriptor);
    struct watched **bucket = bucket_of(table, descriptor);
    watched->next = *bucket;
    watched->descriptor = descriptor;
    watched->parent = parent;
    memcpy(watched->name, name, size);
    *bucket = watched;
    table->count++;
    return true;
}

void watch_table_remove(struct watch_table *table, int descriptor) {
    if (table->bucket_count == 0) {
        return;
    }
    for (struct watched **link = bucket_of(table, descriptor); *link != NULL; link = &(*link)->next) {
        struct watched *watched = *link;
        if (watched->descriptor == descriptor) {
            *link = watched->next;
            free(watched);
            table->count--;
            return;
        }
    }
}

/* The limit ends the climb if renames that were seen in a strange order made a circle; no real path has so many parts. */
bool watch_table_path(const struct watch_table *table, int descriptor, const char *name, struct buffer *path) {
    const struct watched *chain[DEPTH_MAXIMUM];
    size_t depth = 0;
    const struct watched *watched = watch_table_find(table, descriptor);
    while (watched != NULL && watched->parent != 0) {
        if (depth == DEPTH_MAXIMUM) {
            return false;
        }
        chain[depth++] = watched;
        watched = watch_table_find(table, watched->parent);
    }
    if (watched == NULL) {
        return false;
    }
    while (depth > 0) {
        watched = chain[--depth];
        put_raw(path, watched->name, strlen(watched->name));
        put_u8(path, '/');
    }
    put_raw(path, name, strlen(name) + 1);
    return !path->failed;
}

bool watch_table_is_below(const struct watch_table *table, int descriptor, int ancestor) {
    for (size_t depth = 0; depth < DEPTH_MAXIMUM; depth++) {
        if (descriptor == ancestor) {
            return true;
        }
        const struct watched *watched = watch_table_find(table, descriptor);
        if (watched == NULL || watched->parent == 0) {
            return false;
        }
        descriptor = watched->parent;
    }
    return false;
}
