/* COMPOSE: many files into one, which appears whole or not at all. */
#include "files.h"
#include "entry.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BUFFER = 128 * 1024 };

static int write_all(int file, const unsigned char *data, size_t length) {
    while (length > 0) {
        ssize_t written = write(file, data, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return errno;
        }
        data += written;
        length -= (size_t)written;
    }
    return 0;
}

/* copy_file_range(2) first, which shares blocks where the file system can; then by hand (other file systems, procfs, gVisor). */
static int append(int destination, int source) {
    for (;;) {
        ssize_t copied = copy_file_range(source, NULL, destination, NULL, 1 << 30, 0);
        if (copied < 0 && errno == EINTR) {
            continue;
        }
        if (copied <= 0) {
            break; /* 0 is not trusted as the end: some kernels say it of procfs files; read(2) decides */
        }
    }
    unsigned char *data = malloc(COPY_BUFFER);
    int error = data == NULL ? ENOMEM : 0;
    while (error == 0) {
        ssize_t got = read(source, data, COPY_BUFFER);
        if (got == 0) {
            break;
        }
        if (got > 0) {
            error = write_all(destination, data, (size_t)got);
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    free(data);
    return error;
}

static int append_path(int destination, const char *path) {
    int source = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (source < 0) {
        return errno;
    }
    struct stat status;
    int error = fstat(source, &status) != 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : S_ISREG(status.st_mode) ? 0 : EINVAL;
    error = error == 0 ? append(destination, source) : error;
    close(source);
    return error;
}

/* A name beside the destination that nobody else uses; O_EXCL in the open decides. */
static char *temporary_path(const char *destination, unsigned attempt) {
    char *parent = path_parent(destination);
    char name[64];
    snprintf(name, sizeof name, ".holt-compose-%d-%p-%u", (int)getpid(), (void *)&name, attempt);
    char *path = parent == NULL ? NULL : path_join(parent, name);
    free(parent);
    return path;
}

static int open_temporary(const char *destination, char **path) {
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        *path = temporary_path(destination, attempt);
        int file = *path == NULL ? -1 : open(*path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (file >= 0) {
            return file;
        }
        int error = *path == NULL ? ENOMEM : errno;
        free(*path);
        *path = NULL;
        errno = error;
        if (error != EEXIST) {
            return -1;
        }
    }
    return -1;
}

/* Removes the sources, but not the new file, which may have the name of one of them. */
static int remove_sources(char *const *sources, size_t count, const struct stat *composed, const char **failed) {
    for (size_t i = 0; i < count; i++) {
        struct stat status;
        bool itself = lstat(sources[i], &status) == 0 && status.st_dev == composed->st_dev && status.st_ino == composed->st_ino;
        if (!itself && unlink(sources[i]) != 0 && errno != ENOENT) {
            *failed = sources[i];
            return errno;
        }
    }
    return 0;
}

bool files_compose(struct connection *connection, const struct user *user, char *const *sources, size_t count, const char *destination) {
    char *temporary = NULL;
    const char *failed = destination;
    struct stat status;
    int error = lstat(destination, &status) == 0 && S_ISDIR(status.st_mode) ? EISDIR : 0;
    error = error == 0 ? parents_make(destination, user->uid, user->gid) : error;
    int file = error == 0 ? open_temporary(destination, &temporary) : -1;
    error = error == 0 && file < 0 ? errno : error;
    for (size_t i = 0; i < count && error == 0; i++) {
        failed = sources[i];
        error = append_path(file, sources[i]);
    }
    if (error == 0) {
        failed = destination;
        if (fchown(file, user->uid, user->gid) != 0 || fstat(file, &status) != 0 || rename(temporary, destination) != 0) {
            error = errno;
        }
    }
    if (error != 0 && temporary != NULL) {
        unlink(temporary);
    }
    error = error == 0 ? remove_sources(sources, count, &status, &failed) : error;
    if (file >= 0) {
        close(file);
    }
    free(temporary);
    return error == 0 ? files_stat(connection, destination) : connection_send_error(connection, error, "compose", failed);
}
