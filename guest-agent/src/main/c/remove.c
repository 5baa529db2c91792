/*
 * Recursive removal. Directories stay open on the way down, so that nothing moved or put in the way meanwhile can lead us
 * elsewhere; only so many, though: of a deeper tree the upper ones are closed and found again by "..", and because a process of
 * the guest could have moved the directory, to make us remove something else, the identity of what ".." leads to is compared.
 * Trees even deeper are flattened: the directory at the limit is moved up to the top, where it is found later.
 */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LEVELS_MAXIMUM = 1024,
    OPEN_MAXIMUM = 64, /* besides the top */
    INTERRUPTED_EVERY = 256, /* names */
};

struct removal_level {
    DIR *stream; /* NULL when closed on the way down */
    dev_t device;
    ino_t inode;
    bool progress; /* something went since reading began: if the directory is not empty then, reading it again can help */
    char name[NAME_MAX + 1];
};

struct removal {
    struct removal_level *levels;
    size_t capacity;
    size_t depth; /* of the current level; the top is 0 */
    unsigned long names;
    unsigned long moved;
    bool (*interrupted)(const void *context);
    const void *context;
};

static struct removal_level *current(struct removal *removal) { return &removal->levels[removal->depth]; }

static int current_directory(struct removal *removal) { return dirfd(current(removal)->stream); }

/* Fills a level with an open directory, which it takes over. */
static int open_level(struct removal_level *level, int directory, const char *name) {
    struct stat status;
    level->stream = fstat(directory, &status) == 0 ? fdopendir(directory) : NULL;
    if (level->stream == NULL) {
        int error = errno;
        close(directory);
        return error;
    }
    level->device = status.st_dev;
    level->inode = status.st_ino;
    level->progress = false;
    snprintf(level->name, sizeof level->name, "%s", name);
    return 0;
}

static void close_level(struct removal_level *level) {
    if (level->stream != NULL) {
        closedir(level->stream);
        level->stream = NULL;
    }
}

static int move_up(struct removal *removal, const char *name) {
    char unique[64];
    snprintf(unique, sizeof unique, ".holt-removing-%d-%lu", (int)getpid(), removal->moved++);
    if (renameat(current_directory(removal), name, dirfd(removal->levels[0].stream), unique) != 0 && errno != ENOENT) {
        return errno;
    }
    current(removal)->progress = removal->levels[0].progress = true;
    return 0;
}

static bool grow(struct removal *removal) {
    if (removal->depth + 1 < removal->capacity) {
        return true;
    }
    size_t capacity = removal->capacity * 2;
    struct removal_level *levels = realloc(removal->levels, capacity * sizeof *levels);
    if (levels != NULL) {
        removal->levels = levels;
        removal->capacity = capacity;
    }
    return levels != NULL;
}

/* Makes the subdirectory `name` the current one, unless it is on another file system: then it is in use (EBUSY). */
static int go_down(struct removal *removal, const char *name) {
    if (removal->depth + 1 == LEVELS_MAXIMUM) {
        return move_up(removal, name);
    }
    int directory = openat(current_directory(removal), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) {
        /* Gone; or something else by now, which the next reading finds. */
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : errno;
    }
    if (!grow(removal)) {
        close(directory);
        return ENOMEM;
    }
    struct removal_level *level = &removal->levels[removal->depth + 1];
    int error = open_level(level, directory, name);
    if (error == 0 && level->device != removal->levels[0].device) {
        close_level(level);
        error = EBUSY;
    }
    if (error == 0) {
        removal->depth++;
        if (removal->depth > OPEN_MAXIMUM) {
            close_level(&removal->levels[removal->depth - OPEN_MAXIMUM]);
        }
    }
    return error;
}

/* Opens the level above the current one again. False when ".." is not the directory that we came from. */
static bool reopen_above(struct removal *removal) {
    struct removal_level *above = &removal->levels[removal->depth - 1];
    struct removal_level found;
    int directory = openat(current_directory(removal), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || open_level(&found, directory, "") != 0) {
        return false;
    }
    if (found.device != above->device || found.inode != above->inode) {
        close_level(&found);
        return false;
    }
    above->stream = found.stream;
    return true;
}

/* Leaves the current directory, which has been read to its end, and removes it. */
static int go_up(struct removal *removal) {
    struct removal_level *left = current(removal);
    if (removal->levels[removal->depth - 1].stream == NULL && !reopen_above(removal)) {
        /* Somebody moved it away. The top is ours in any case, and what is still in it is found again. */
        while (removal->depth > 0) {
            close_level(&removal->levels[removal->depth--]);
        }
        removal->levels[0].progress = true;
        return 0;
    }
    close_level(left);
    removal->depth--;
    if (unlinkat(current_directory(removal), left->name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
        current(removal)->progress = true;
        return 0;
    }
    if (left->progress && (errno == ENOTEMPTY || errno == EEXIST)) {
        char name[NAME_MAX + 1];
        memcpy(name, left->name, sizeof name);
        return go_down(removal, name);
    }
    return errno;
}

static int remove_name(struct removal *removal, const struct dirent *entry) {
    const char *name = entry->d_name;
    if (++removal->names % INTERRUPTED_EVERY == 0 && removal->interrupted(removal->context)) {
        return ECANCELED;
    }
    int directory = current_directory(removal);
    current(removal)->progress = true;
    if (entry->d_type == DT_DIR) {
        return go_down(removal, name);
    }
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    /* unlink(2) of a directory: EISDIR on Linux, EPERM in POSIX; any other error is final. */
    int error = errno;
    if (error != EISDIR && error != EPERM) {
        return error;
    }
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno == ENOTEMPTY || errno == EEXIST) {
        return go_down(removal, name);
    }
    return errno == ENOTDIR ? error : errno;
}

/* Removes everything in the top directory, and in the end the top itself. */
static int remove_all(struct removal *removal, const char *path) {
    for (;;) {
        struct dirent *entry = readdir(current(removal)->stream);
        int error = 0;
        if (entry == NULL && removal->depth > 0) {
            error = go_up(removal);
        } else if (entry == NULL) {
            struct removal_level *top = current(removal);
            if (rmdir(path) == 0) {
                return 0;
            }
            if (!top->progress || (errno != ENOTEMPTY && errno != EEXIST)) {
                return errno;
            }
            top->progress = false;
            rewinddir(top->stream);
        } else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            error = remove_name(removal, entry);
        }
        if (error != 0) {
            return error;
        }
    }
}

int tree_remove(const char *path, bool (*interrupted)(const void *context), const void *context) {
    enum { LEVELS_AT_FIRST = 8 };
    if (unlink(path) == 0) {
        return 0;
    }
    int error = errno;
    if (error != EISDIR && error != EPERM) {
        return error;
    }
    int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0) {
        return errno == ENOTDIR || errno == ELOOP ? error : errno;
    }
    struct removal removal = {.capacity = LEVELS_AT_FIRST, .interrupted = interrupted, .context = context};
    removal.levels = malloc(LEVELS_AT_FIRST * sizeof *removal.levels);
    if (removal.levels == NULL) {
        close(top);
        return ENOMEM;
    }
    error = open_level(&removal.levels[0], top, "");
    if (error == 0) {
        error = remove_all(&removal, path);
        for (size_t level = 0; level <= removal.depth; level++) {
            close_level(&removal.levels[level]);
        }
    }
    free(removal.levels);
    return error;
}
