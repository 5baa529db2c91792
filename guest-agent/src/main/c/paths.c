#include "paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void path_clean(char *path) {
    size_t length = 0; /* of the cleaned beginning, which never ends with a slash */
    const char *rest = path;
    while (*rest != 0) {
        while (*rest == '/') {
            rest++;
        }
        size_t part = strcspn(rest, "/");
        if (part == 2 && rest[0] == '.' && rest[1] == '.') {
            while (length > 0 && path[--length] != '/') {
            }
        } else if (part > 0 && !(part == 1 && rest[0] == '.')) {
            path[length++] = '/';
            memmove(path + length, rest, part);
            length += part;
        }
        rest += part;
    }
    if (length == 0) {
        path[length++] = '/';
    }
    path[length] = 0;
}

char *path_join(const char *directory, const char *name) {
    size_t size = strlen(directory) + strlen(name) + 2;
    char *joined = malloc(size);
    if (joined != NULL) {
        const char *separator = strcmp(directory, "/") == 0 ? "" : "/";
        snprintf(joined, size, "%s%s%s", directory, separator, name);
    }
    return joined;
}

char *path_resolve(const char *home, const char *path) {
    char *resolved;
    if (path[0] == '/') {
        resolved = strdup(path);
        if (resolved != NULL) {
            path_clean(resolved);
        }
        return resolved;
    }
    if (path[0] == '~' && (path[1] == 0 || path[1] == '/')) {
        path++;
    }
    resolved = path_join(home, path);
    if (resolved != NULL) {
        path_clean(resolved);
    }
    return resolved;
}

const char *path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL || slash[1] == 0 ? path : slash + 1;
}

char *path_parent(const char *path) {
    char *parent = strdup(path);
    if (parent != NULL) {
        char *slash = strrchr(parent, '/');
        slash[slash == parent ? 1 : 0] = 0;
    }
    return parent;
}

static int make_one(const char *path, uid_t uid, gid_t gid) {
    if (mkdir(path, 0755) != 0) {
        return errno;
    }
    return lchown(path, uid, gid) == 0 ? 0 : errno;
}

int directories_make(const char *path, uid_t uid, gid_t gid) {
    int error = make_one(path, uid, gid);
    if (error == ENOENT) {
        char *part = strdup(path);
        if (part == NULL) {
            return ENOMEM;
        }
        /* From the top down; what is there answers EEXIST, whatever it is: the next step then fails with ENOTDIR. */
        error = 0;
        for (char *slash = strchr(part + 1, '/'); slash != NULL && error == 0; slash = strchr(slash + 1, '/')) {
            *slash = 0;
            error = make_one(part, uid, gid);
            error = error == EEXIST || error == EROFS ? 0 : error;
            *slash = '/';
        }
        free(part);
        error = error == 0 ? make_one(path, uid, gid) : error;
    }
    if (error == EEXIST) {
        struct stat status;
        return stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? EEXIST : ENOTDIR;
    }
    return error;
}

int parents_make(const char *path, uid_t uid, gid_t gid) {
    char *parent = path_parent(path);
    if (parent == NULL) {
        return ENOMEM;
    }
    int error = directories_make(parent, uid, gid);
    free(parent);
    return error == EEXIST ? 0 : error;
}
