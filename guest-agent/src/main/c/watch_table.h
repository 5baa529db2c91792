/* The directories of one watch: from an inotify watch descriptor to where in the tree it is. */
#ifndef HOLT_WATCH_TABLE_H
#define HOLT_WATCH_TABLE_H

#include "frame.h"

/* A directory knows its parent and its own name only, so that moving it is one change however much lies below. */
struct watched {
    struct watched *next; /* in its bucket */
    int descriptor;
    int parent; /* 0: this is the watched root */
    char name[];
};

struct watch_table {
    struct watched **buckets;
    size_t bucket_count;
    size_t count;
};

void watch_table_free(struct watch_table *table);
struct watched *watch_table_find(const struct watch_table *table, int descriptor);
struct watched *watch_table_find_child(const struct watch_table *table, int parent, const char *name);
/* Adds, or moves when the descriptor is known. False when there is no memory. */
bool watch_table_put(struct watch_table *table, int descriptor, int parent, const char *name);
void watch_table_remove(struct watch_table *table, int descriptor);
/* Appends the path of `name` in the directory, relative to the root, terminated. False when the directory is unknown. */
bool watch_table_path(const struct watch_table *table, int descriptor, const char *name, struct buffer *path);
/* True when the directory is `ancestor` or lies somewhere in it. */
bool watch_table_is_below(const struct watch_table *table, int descriptor, int ancestor);

#endif
