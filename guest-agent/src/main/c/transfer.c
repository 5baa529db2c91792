/* Contents of files: the OPEN and WRITE streams. */
#include "files.h"
#include "entry.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What may be read or written: no FIFO, whose other end could keep us waiting for ever, and no directory. 0 or an errno. */
static int check_kind(int file) {
    struct stat status;
    if (fstat(file, &status) != 0) {
        return errno;
    }
    return S_ISDIR(status.st_mode) ? EISDIR : S_ISFIFO(status.st_mode) ? ESPIPE : 0;
}

/* pread(2), or read(2) for devices without an offset. */
static ssize_t read_at(int file, void *data, size_t size, uint64_t offset) {
    ssize_t got;
    do {
        got = pread(file, data, size, (off_t)offset);
        if (got < 0 && errno == ESPIPE) {
            got = read(file, data, size);
        }
    } while (got < 0 && errno == EINTR);
    return got;
}

static bool send_range(struct connection *connection, int file, const char *path, uint64_t offset, uint64_t length, unsigned char *data) {
    uint64_t sent = 0;
    if (offset > INT64_MAX) {
        return connection_send_error(connection, EINVAL, "read", path);
    }
    while (sent < length) {
        uint64_t wanted = length - sent < FRAME_DATA_MAXIMUM ? length - sent : FRAME_DATA_MAXIMUM;
        ssize_t got = read_at(file, data, (size_t)wanted, offset + sent);
        if (got < 0) {
            return connection_send_error(connection, errno, "read", path);
        }
        if (got == 0) {
            break;
        }
        if (!connection_send_data(connection, FRAME_DATA, data, (size_t)got)) {
            return false;
        }
        sent += (uint64_t)got;
    }
    return connection_send_end(connection, sent);
}

static bool serve_ranges(struct connection *connection, int file, const char *path) {
    unsigned char *data = NULL;
    bool open = true;
    bool closed = false;
    while (open && !closed) {
        struct frame frame;
        enum receive_result received = connection_receive(connection, &frame);
        struct reader reader;
        if (received != RECEIVE_FRAME) {
            open = received == RECEIVE_MALFORMED && protocol_error(connection, "malformed frame");
            break;
        }
        reader_init(&reader, frame.payload, frame.length);
        if (frame.type == FRAME_RANGE) {
            uint64_t offset = read_u64(&reader);
            uint64_t length = read_u64(&reader);
            if (!reader_done(&reader)) {
                open = protocol_error(connection, "malformed RANGE");
            } else if (data == NULL && (data = malloc(FRAME_DATA_MAXIMUM)) == NULL) {
                open = connection_send_error(connection, ENOMEM, "read", path);
            } else {
                open = send_range(connection, file, path, offset, length, data);
            }
        } else if (frame.type == FRAME_CLOSE && frame.length == 0) {
            closed = true;
        } else {
            open = protocol_error(connection, "neither RANGE nor CLOSE while a file is open");
        }
    }
    free(data);
    return open;
}

bool files_open(struct connection *connection, const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int error = file < 0 ? errno : check_kind(file);
    if (error == 0) {
        struct owner_names names = {0};
        size_t start = frame_begin(&connection->output, FRAME_ENTRY);
        error = entry_of_file(&connection->output, &names, file, path);
        frame_end(&connection->output, start);
        if (error != 0) {
            connection->output.length = start;
        }
    }
    bool open = error == 0 ? connection_flush(connection) && serve_ranges(connection, file, path)
                           : connection_send_error(connection, error, "open", path);
    if (file >= 0) {
        close(file);
    }
    return error == 0 && open ? connection_send_ok(connection) : open;
}

/* Opens or makes the file. 0 or an errno. */
static int open_for_writing(const struct user *user, const struct file_write *request, int *opened) {
    const int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    bool created = false;
    int file = open(request->path, flags);
    if (file < 0 && errno == ENOENT) {
        int error = parents_make(request->path, user->uid, user->gid);
        if (error != 0) {
            return error;
        }
        mode_t mode = request->mode & 07777;
        file = open(request->path, flags | O_CREAT | O_EXCL, mode);
        if (file < 0 && errno == EEXIST) {
            /* Made meanwhile, or a symlink to nothing, which O_EXCL does not follow. */
            file = open(request->path, flags);
            if (file < 0 && errno == ENOENT) {
                file = open(request->path, flags | O_CREAT, mode);
                created = file >= 0;
            }
        } else {
            created = file >= 0;
        }
    }
    if (file < 0) {
        /* FIFO without a reader, open(2): the same answer as for one with a reader. */
        return errno == ENXIO ? ESPIPE : errno;
    }
    *opened = file;
    int error = check_kind(file);
    if (error == 0 && created) {
        error = fchown(file, user->uid, user->gid) == 0 ? 0 : errno;
        if (error == 0 && (request->mode & 07000) != 0) { /* which chown(2) clears */
            error = fchmod(file, request->mode & 07777) == 0 ? 0 : errno;
        }
    }
    return error;
}

static int truncate_file(int file, const struct file_write *request) {
    struct stat status;
    if (request->offset_plus_1 == 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
        return ftruncate(file, 0) == 0 ? 0 : errno;
    }
    return 0;
}

static int replace_attributes(int file, const struct file_write *request) {
    size_t prefix = strlen(request->prefix);
    if (prefix == 0) {
        return 0;
    }
    enum { NAMES_MAXIMUM = 64 * 1024 }; /* XATTR_LIST_MAX of the kernel */
    char *names = malloc(NAMES_MAXIMUM);
    ssize_t length = names == NULL ? 0 : flistxattr(file, names, NAMES_MAXIMUM);
    int error = names == NULL ? ENOMEM : length < 0 && errno != EOPNOTSUPP ? errno : 0;
    for (ssize_t at = 0; at < length && error == 0; at += (ssize_t)strlen(names + at) + 1) {
        if (strncmp(names + at, request->prefix, prefix) == 0 && fremovexattr(file, names + at) != 0 && errno != ENODATA) {
            error = errno;
        }
    }
    free(names);
    for (size_t i = 0; i < request->attribute_count && error == 0; i++) {
        const struct file_attribute *attribute = &request->attributes[i];
        if (fsetxattr(file, attribute->name, attribute->value.data, attribute->value.length, 0) != 0) {
            error = errno;
        }
    }
    return error;
}

/* Writes all of it, at *offset or, for devices without one, where they are. 0 or an errno. */
static int write_at(int file, const unsigned char *data, size_t length, uint64_t *offset) {
    while (length > 0) {
        ssize_t written = pwrite(file, data, length, (off_t)*offset);
        if (written < 0 && errno == ESPIPE) {
            written = write(file, data, length);
        }
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return written == 0 ? ENOSPC : errno;
        }
        data += written;
        length -= (size_t)written;
        *offset += (uint64_t)written;
    }
    return 0;
}

enum write_outcome { WRITE_COMPLETE, WRITE_FAILED, WRITE_BROKEN };

/* Receives DATA until END. After a failure, which is answered at once, the rest is received and dropped. */
static enum write_outcome receive_data(struct connection *connection, int file, const struct file_write *request) {
    uint64_t offset = request->offset_plus_1 == 0 ? 0 : request->offset_plus_1 - 1;
    uint64_t received_bytes = 0;
    int error = 0;
    for (;;) {
        struct frame frame;
        enum receive_result received = connection_receive(connection, &frame);
        if (received != RECEIVE_FRAME) {
            if (received == RECEIVE_MALFORMED) {
                protocol_error(connection, "malformed frame");
            }
            return WRITE_BROKEN;
        }
        if (frame.type == FRAME_DATA && frame.length <= FRAME_DATA_MAXIMUM) {
            received_bytes += frame.length;
            if (error == 0 && (error = write_at(file, frame.payload, frame.length, &offset)) != 0 &&
                !connection_send_error(connection, error, "write", request->path)) {
                return WRITE_BROKEN;
            }
            continue;
        }
        struct reader reader;
        reader_init(&reader, frame.payload, frame.length);
        uint64_t count = read_u64(&reader);
        if (frame.type != FRAME_END || !reader_done(&reader)) {
            protocol_error(connection, "neither DATA nor END while a file is written");
            return WRITE_BROKEN;
        }
        if (count != received_bytes) {
            protocol_error(connection, "count in END is not that of the bytes received");
            return WRITE_BROKEN;
        }
        return error == 0 ? WRITE_COMPLETE : WRITE_FAILED;
    }
}

static bool send_written(struct connection *connection, int file, const char *path) {
    struct owner_names names = {0};
    size_t start = frame_begin(&connection->output, FRAME_ENTRY);
    int error = entry_of_file(&connection->output, &names, file, path);
    if (error != 0) {
        connection->output.length = start;
        return connection_send_error(connection, error, "stat", path);
    }
    frame_end(&connection->output, start);
    return connection_flush(connection);
}

bool files_write(struct connection *connection, const struct user *user, const struct file_write *request) {
    int file = -1;
    int error = request->offset_plus_1 > INT64_MAX ? EINVAL : open_for_writing(user, request, &file);
    /* In this order, so that where attributes are not supported (EOPNOTSUPP) an old file keeps its content. */
    error = error == 0 ? replace_attributes(file, request) : error;
    error = error == 0 ? truncate_file(file, request) : error;
    bool open;
    if (error != 0) {
        open = connection_send_error(connection, error, "write", request->path);
    } else {
        enum write_outcome outcome = connection_send_ok(connection) ? receive_data(connection, file, request) : WRITE_BROKEN;
        open = outcome == WRITE_COMPLETE ? send_written(connection, file, request->path) : outcome == WRITE_FAILED;
    }
    if (file >= 0) {
        close(file);
    }
    return open;
}
