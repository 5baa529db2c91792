/*
 * Walks down a directory tree that somebody else may be changing: relative to open directories, never through a symlink, with
 * memory bounded by the depth, which is bounded too.
 */
#ifndef HOLT_TREE_H
#define HOLT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each level holds a descriptor and 2 KiB. */
enum { TREE_DEPTH_MAXIMUM = 128 };

/* Any errno, or TREE_STOPPED, ends the walk with it. */
enum { TREE_STOPPED = -1 };

struct tree_visitor {
    void *context;
    /* A directory was opened, before it is read: the root (level 0, its own name) or one that entry() was called for. May be NULL. 0 goes on. */
    int (*entered)(void *context, size_t level, int directory, const char *name);
    /* A name in the directory of this level; `path` is whole. Called before a directory is entered. 0 goes on. */
    int (*entry)(void *context, size_t level, int directory, const char *name, const char *path);
};

struct tree_limits {
    uint32_t depth;     /* 1: only what is directly inside */
    bool one_filesystem; /* does not enter directories of other file systems */
};

/*
 * Walks the directory that `root` is open on and takes `root` over. `path` is how paths begin. What vanishes on the way is passed
 * over. 0, TREE_STOPPED, or an errno: ENAMETOOLONG when the tree is deeper than both the maximum and the limit.
 */
int tree_walk(int root, const char *path, struct tree_limits limits, const struct tree_visitor *visitor);

/* Removes a file or a whole directory; `interrupted` is asked now and then and ends the work with ECANCELED. 0 or an errno. */
int tree_remove(const char *path, bool (*interrupted)(const void *context), const void *context);

#endif
