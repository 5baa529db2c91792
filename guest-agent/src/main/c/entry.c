#include "entry.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum entry_type { ENTRY_OTHER, ENTRY_FILE, ENTRY_DIRECTORY, ENTRY_SYMLINK };
enum { XATTRS_MAXIMUM = 64 * 1024, XATTR_NAMES_USUAL = 512 };

static enum entry_type type_of_mode(mode_t mode) {
    return S_ISREG(mode) ? ENTRY_FILE : S_ISDIR(mode) ? ENTRY_DIRECTORY : S_ISLNK(mode) ? ENTRY_SYMLINK : ENTRY_OTHER;
}

/* Where attributes are read from: an open file, or a path when `file` is negative. */
struct attribute_source {
    int file;
    const char *path;
};

static ssize_t list_names(const struct attribute_source *source, char *names, size_t size) {
    return source->file >= 0 ? flistxattr(source->file, names, size) : llistxattr(source->path, names, size);
}

static ssize_t get_value(const struct attribute_source *source, const char *name, void *value, size_t size) {
    return source->file >= 0 ? fgetxattr(source->file, name, value, size) : lgetxattr(source->path, name, value, size);
}

/* Appends the list of user.* attributes; those that would make it longer than XATTRS_MAXIMUM are left out. */
static void put_xattrs(struct buffer *output, const struct attribute_source *source) {
    char usual[XATTR_NAMES_USUAL];
    char *names = usual;
    ssize_t length = list_names(source, usual, sizeof usual);
    if (length < 0 && errno == ERANGE && (names = malloc(XATTRS_MAXIMUM)) != NULL) {
        length = list_names(source, names, XATTRS_MAXIMUM);
    }
    size_t list = output->length;
    uint32_t count = 0;
    put_u32(output, 0);
    for (ssize_t at = 0; at < length && !output->failed; at += (ssize_t)strlen(names + at) + 1) {
        const char *name = names + at;
        if (strncmp(name, "user.", 5) != 0) {
            continue;
        }
        ssize_t size = get_value(source, name, NULL, 0);
        size_t used = output->length - list;
        if (size < 0 || used + strlen(name) + 8 + (size_t)size > XATTRS_MAXIMUM) {
            continue;
        }
        size_t start = output->length;
        put_string(output, name);
        put_u32(output, (uint32_t)size);
        if (size > 0) {
            if (!buffer_reserve(output, (size_t)size)) {
                break;
            }
            ssize_t got = get_value(source, name, output->data + output->length, (size_t)size);
            if (got < 0) { /* gone or grown since */
                output->length = start;
                continue;
            }
            patch_u32(output, output->length - 4, (uint32_t)got);
            output->length += (size_t)got;
        }
        count++;
    }
    patch_u32(output, list, count);
    if (names != usual) {
        free(names);
    }
}

static void put_entry(struct buffer *output, struct owner_names *names, const struct stat *status, enum entry_type type,
                      const char *path, const char *target, const struct attribute_source *source) {
    owner_names_find(names, status->st_uid, status->st_gid);
    put_u8(output, (uint8_t)type);
    put_string(output, path_name(path));
    put_string(output, path);
    put_u64(output, (uint64_t)status->st_size);
    put_u32(output, status->st_mode);
    put_u32(output, status->st_uid);
    put_u32(output, status->st_gid);
    put_string(output, names->user);
    put_string(output, names->group);
    put_u64(output, (uint64_t)status->st_mtim.tv_sec * 1000000000u + (uint64_t)status->st_mtim.tv_nsec);
    put_u64(output, status->st_ino);
    put_u64(output, status->st_dev);
    put_u8(output, target != NULL);
    put_string(output, target == NULL ? "" : target);
    /* Only these can have user.* attributes, xattr(7). */
    if (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode)) {
        put_xattrs(output, source);
    } else {
        put_u32(output, 0);
    }
}


int entry_in_directory(struct buffer *output, struct owner_names *names, int directory, const char *name, const char *path) {
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno;
    }
    enum entry_type type = type_of_mode(status.st_mode);
    char *target = NULL;
    if (type == ENTRY_SYMLINK) {
        struct stat followed;
        if (fstatat(directory, name, &followed, 0) == 0 && type_of_mode(followed.st_mode) != ENTRY_OTHER) {
            type = type_of_mode(followed.st_mode);
        }
        target = malloc(PATH_MAX + 1);
        ssize_t length = target == NULL ? -1 : readlinkat(directory, name, target, PATH_MAX);
        if (length < 0) {
            int error = target == NULL ? ENOMEM : errno;
            free(target);
            return error;
        }
        target[length] = 0;
    }
    /* xattrs need a path or a readable descriptor. Through /proc costs more (most in gVisor), but takes paths of any length. */
    char through_directory[NAME_MAX + 64];
    struct attribute_source source = {-1, path};
    if (directory != AT_FDCWD && strlen(path) >= PATH_MAX) {
        snprintf(through_directory, sizeof through_directory, "/proc/self/fd/%d/%s", directory, name);
        source.path = through_directory;
    }
    put_entry(output, names, &status, type, path, target, &source);
    free(target);
    return 0;
}

int entry_of_path(struct buffer *output, struct owner_names *names, const char *path) {
    return entry_in_directory(output, names, AT_FDCWD, path, path);
}

int entry_of_file(struct buffer *output, struct owner_names *names, int file, const char *path) {
    struct stat status;
    if (fstat(file, &status) != 0) {
        return errno;
    }
    struct attribute_source source = {file, NULL};
    put_entry(output, names, &status, type_of_mode(status.st_mode), path, NULL, &source);
    return 0;
}
