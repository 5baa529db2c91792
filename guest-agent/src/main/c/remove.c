/*
 * Recursive removal. Only one directory is open for reading at a time, however deep the tree; the way back up is "..", and
 * because a process of the guest could have moved the directory meanwhile, to make us remove something else, the identity of
 * every directory on the way is kept and compared. Trees deeper than that memory are flattened: the directory at the limit is
 * moved up to the top, where it is found again.
 */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LEVELS_MAXIMUM = 1024,
    INTERRUPTED_EVERY = 256, /* names */
};

struct identity {
    dev_t device;
    ino_t inode;
};

struct removal {
    int top;
    int current;
    size_t depth; /* of current; top is 0 */
    struct identity levels[LEVELS_MAXIMUM];
    unsigned long names;
    unsigned long moved;
    bool (*interrupted)(const void *context);
    const void *context;
};

static int identify(int directory, struct identity *identity) {
    struct stat status;
    if (fstat(directory, &status) != 0) {
        return errno;
    }
    *identity = (struct identity){status.st_dev, status.st_ino};
    return 0;
}

static int move_up(struct removal *removal, const char *name) {
    char unique[64];
    snprintf(unique, sizeof unique, ".holt-removing-%d-%lu", (int)getpid(), removal->moved++);
    return renameat(removal->current, name, removal->top, unique) == 0 || errno == ENOENT ? 0 : errno;
}

/* Makes the subdirectory `name` the current one, unless it is on another file system: then it is in use (EBUSY). */
static int go_down(struct removal *removal, const char *name) {
    if (removal->depth + 1 == LEVELS_MAXIMUM) {
        return move_up(removal, name);
    }
    int directory = openat(removal->current, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) {
        return errno == ENOENT ? 0 : errno;
    }
    struct identity *identity = &removal->levels[removal->depth + 1];
    int error = identify(directory, identity);
    if (error == 0 && identity->device != removal->levels[0].device) {
        error = EBUSY;
    }
    if (error != 0) {
        close(directory);
        return error;
    }
    close(removal->current);
    removal->current = directory;
    removal->depth++;
    return 0;
}

/* Back to the directory above, or to the top when somebody moved the current one away: the top is ours in any case. */
static int go_up(struct removal *removal) {
    struct identity found = {0};
    int above = openat(removal->current, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = above < 0 ? errno : identify(above, &found);
    const struct identity *expected = &removal->levels[removal->depth - 1];
    removal->depth--;
    if (error != 0 || found.device != expected->device || found.inode != expected->inode) {
        if (above >= 0) {
            close(above);
        }
        above = openat(removal->top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (above < 0) {
            return errno;
        }
        removal->depth = 0;
    }
    close(removal->current);
    removal->current = above;
    return 0;
}

/* Removes one name of the current directory. `*entered` is set when the current directory is another one now. */
static int remove_name(struct removal *removal, const char *name, bool *entered) {
    if (++removal->names % INTERRUPTED_EVERY == 0 && removal->interrupted(removal->context)) {
        return ECANCELED;
    }
    if (unlinkat(removal->current, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    /* unlink(2) of a directory: EISDIR on Linux, EPERM in POSIX; any other error is final unless it is a directory. */
    int error = errno;
    if (error != EISDIR && error != EPERM) {
        return error;
    }
    if (unlinkat(removal->current, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != ENOTEMPTY && errno != EEXIST) {
        return errno == ENOTDIR ? error : errno;
    }
    int descended = go_down(removal, name);
    *entered = true; /* or moved away: in both cases reading starts again */
    return descended;
}

/* Removes names until the current directory is empty or another directory became the current one. */
static int empty_current(struct removal *removal, bool *entered) {
    *entered = false;
    int copy = openat(removal->current, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (stream == NULL) {
        int error = errno;
        if (copy >= 0) {
            close(copy);
        }
        return error == ENOENT ? 0 : error;
    }
    int error = 0;
    for (struct dirent *entry; error == 0 && !*entered && (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            error = remove_name(removal, entry->d_name, entered);
        }
    }
    closedir(stream);
    return error;
}

static int remove_contents(struct removal *removal) {
    for (;;) {
        bool entered;
        int error = empty_current(removal, &entered);
        if (error != 0) {
            return error;
        }
        if (!entered) {
            if (removal->depth == 0) {
                return 0;
            }
            error = go_up(removal); /* which finds the emptied directory again and removes it */
            if (error != 0) {
                return error;
            }
        }
    }
}

int tree_remove(const char *path, bool (*interrupted)(const void *context), const void *context) {
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
    struct removal *removal = malloc(sizeof *removal);
    int current = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (removal == NULL || current < 0) {
        error = removal == NULL ? ENOMEM : errno;
        if (current >= 0) {
            close(current);
        }
    } else {
        removal->top = top;
        removal->current = current;
        removal->depth = 0;
        removal->names = removal->moved = 0;
        removal->interrupted = interrupted;
        removal->context = context;
        error = identify(top, &removal->levels[0]);
        error = error == 0 ? remove_contents(removal) : error;
        close(removal->current);
    }
    free(removal);
    close(top);
    if (error == 0 && rmdir(path) != 0) {
        error = errno;
    }
    return error;
}
