#include "tree.h"
#include "frame.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct level {
    DIR *stream;
    size_t path_length;
};

struct walk {
    struct level levels[TREE_DEPTH_MAXIMUM];
    size_t depth;
    struct buffer path;
    dev_t device;
};

static bool is_directory(int directory, const struct dirent *entry) {
    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type == DT_DIR;
    }
    struct stat status;
    return fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/* Opens a level on `directory`, which it takes over. */
static int enter(struct walk *walk, int directory, const char *name, const struct tree_visitor *visitor) {
    DIR *stream = fdopendir(directory);
    if (stream == NULL) {
        int error = errno;
        close(directory);
        return error;
    }
    size_t level = walk->depth++;
    walk->levels[level] = (struct level){stream, walk->path.length};
    return visitor->entered == NULL ? 0 : visitor->entered(visitor->context, level, directory, name);
}

static int descend(struct walk *walk, int parent, const char *name, struct tree_limits limits, const struct tree_visitor *visitor) {
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) {
        /* Gone, or something else by now, or not for us: these entries are all there is to say about it. */
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES || errno == EPERM ? 0 : errno;
    }
    struct stat status;
    if (fstat(directory, &status) != 0 || (limits.one_filesystem && status.st_dev != walk->device)) {
        close(directory);
        return 0;
    }
    if (walk->depth == TREE_DEPTH_MAXIMUM) {
        close(directory);
        return ENAMETOOLONG;
    }
    return enter(walk, directory, name, visitor);
}

static int visit(struct walk *walk, const struct dirent *entry, struct tree_limits limits, const struct tree_visitor *visitor) {
    size_t level = walk->depth - 1;
    int directory = dirfd(walk->levels[level].stream);
    walk->path.length = walk->levels[level].path_length;
    if (walk->path.length == 0 || walk->path.data[walk->path.length - 1] != '/') {
        put_u8(&walk->path, '/');
    }
    put_raw(&walk->path, entry->d_name, strlen(entry->d_name) + 1);
    if (walk->path.failed) {
        return ENOMEM;
    }
    walk->path.length--; /* the terminator stays behind the end */
    int result = visitor->entry(visitor->context, level, directory, entry->d_name, (const char *)walk->path.data);
    if (result == 0 && walk->depth < limits.depth && is_directory(directory, entry)) {
        result = descend(walk, directory, entry->d_name, limits, visitor);
    }
    return result;
}

int tree_walk(int root, const char *path, struct tree_limits limits, const struct tree_visitor *visitor) {
    struct stat status;
    struct walk *walk = malloc(sizeof *walk);
    if (walk == NULL || fstat(root, &status) != 0) {
        int error = walk == NULL ? ENOMEM : errno;
        free(walk);
        close(root);
        return error;
    }
    walk->depth = 0;
    walk->device = status.st_dev;
    walk->path = (struct buffer){0};
    put_raw(&walk->path, path, strlen(path));
    int result = enter(walk, root, path, visitor);
    while (result == 0 && walk->depth > 0) {
        struct dirent *entry = readdir(walk->levels[walk->depth - 1].stream);
        if (entry == NULL) {
            closedir(walk->levels[--walk->depth].stream);
        } else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            result = visit(walk, entry, limits, visitor);
        }
    }
    while (walk->depth > 0) {
        closedir(walk->levels[--walk->depth].stream);
    }
    buffer_free(&walk->path);
    free(walk);
    return result;
}
