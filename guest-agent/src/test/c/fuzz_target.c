/*
 * One input of bytes from the wire against the real decoding, dispatch and file streams. Nothing of the machine can be reached:
 * the operations are fakes that count how often they were called, and the system calls of what is real are wrapped by the
 * linker (--wrap), so that "sockets" and "files" are memory.
 */
#include "fuzz_target.h"
#include "connection.h"
#include "entry.h"
#include "files.h"
#include "machine.h"
#include "process.h"
#include "requests.h"
#include "users.h"
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { SOCKET = 1000000, FILE_DESCRIPTOR = 1000001, OUTPUT_FACTOR = 64 };

unsigned long fuzz_calls[FUZZ_OPERATIONS];

static struct {
    const unsigned char *data;
    size_t size;
    size_t at;
    uint32_t pieces; /* decides where recv() cuts */
    struct buffer output;
    int open_files;
    int open_sockets;
} wire;

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz: not so: %s\n", what);
        abort();
    }
}

ssize_t __wrap_recv(int socket, void *data, size_t size, int flags);
ssize_t __wrap_sendmsg(int socket, const struct msghdr *message, int flags);
int __wrap_poll(struct pollfd *waiting, nfds_t count, int timeout);
int __wrap_shutdown(int socket, int how);
int __wrap_close(int file);
int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_pread(int file, void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int file, const void *data, size_t size, off_t offset);
ssize_t __wrap_read(int file, void *data, size_t size);
ssize_t __wrap_write(int file, const void *data, size_t size);
int __wrap_fstat(int file, struct stat *status);
int __wrap_fchown(int file, uid_t uid, gid_t gid);
int __wrap_fchmod(int file, mode_t mode);
int __wrap_ftruncate(int file, off_t size);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_lchown(const char *path, uid_t uid, gid_t gid);
ssize_t __wrap_flistxattr(int file, char *names, size_t size);
int __wrap_fremovexattr(int file, const char *name);
int __wrap_fsetxattr(int file, const char *name, const void *value, size_t size, int flags);

ssize_t __wrap_recv(int socket, void *data, size_t size, int flags) {
    demand(socket == SOCKET && size > 0, "receives from its socket");
    wire.pieces = wire.pieces * 1664525u + 1013904223u;
    uint32_t choice = wire.pieces >> 24;
    if ((flags & MSG_DONTWAIT) != 0 && choice < 64) {
        errno = EAGAIN;
        return -1;
    }
    size_t left = wire.size - wire.at;
    size_t piece = choice < 128 ? 1 : choice < 192 ? 13 : size;
    piece = piece < size ? piece : size;
    piece = piece < left ? piece : left;
    if (piece > 0) {
        memcpy(data, wire.data + wire.at, piece);
    }
    wire.at += piece;
    return (ssize_t)piece;
}

ssize_t __wrap_sendmsg(int socket, const struct msghdr *message, int flags) {
    demand(socket == SOCKET && (flags & MSG_NOSIGNAL) != 0, "sends to its socket, without a signal");
    size_t sent = 0;
    for (size_t i = 0; i < (size_t)message->msg_iovlen; i++) {
        put_raw(&wire.output, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
        sent += message->msg_iov[i].iov_len;
    }
    return (ssize_t)sent;
}

int __wrap_poll(struct pollfd *waiting, nfds_t count, int timeout) {
    (void)timeout;
    waiting[0].revents = POLLIN;
    return (int)count;
}

int __wrap_shutdown(int socket, int how) { return socket == SOCKET && how == SHUT_WR ? 0 : -1; }

int __wrap_close(int file) {
    demand(file == SOCKET || file == FILE_DESCRIPTOR, "closes what it opened");
    *(file == SOCKET ? &wire.open_sockets : &wire.open_files) -= 1;
    return 0;
}

int __wrap_open(const char *path, int flags, ...) {
    demand(path[0] == '/' && flags != 0, "paths are absolute");
    if (path[1] == 'n') {
        errno = ENOENT;
        return -1;
    }
    wire.open_files++;
    return FILE_DESCRIPTOR;
}

ssize_t __wrap_pread(int file, void *data, size_t size, off_t offset) {
    demand(file == FILE_DESCRIPTOR && offset >= 0, "reads at an offset");
    size_t got = offset < 100 ? (size_t)(100 - offset) : 0;
    got = got < size ? got : size;
    memset(data, 'r', got);
    return (ssize_t)got;
}

ssize_t __wrap_pwrite(int file, const void *data, size_t size, off_t offset) {
    demand(file == FILE_DESCRIPTOR && offset >= 0, "writes at an offset");
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += ((const unsigned char *)data)[i]; /* for AddressSanitizer to see each */
    }
    fuzz_calls[FUZZ_WRITTEN]++;
    if (sum % 7 == 6) {
        errno = ENOSPC;
        return -1;
    }
    return (ssize_t)size;
}

ssize_t __wrap_read(int file, void *data, size_t size) { return __wrap_pread(file, data, size, 0); }
ssize_t __wrap_write(int file, const void *data, size_t size) { return __wrap_pwrite(file, data, size, 0); }

int __wrap_fstat(int file, struct stat *status) {
    demand(file == FILE_DESCRIPTOR, "looks at its file");
    *status = (struct stat){.st_mode = S_IFREG | 0644, .st_size = 100};
    return 0;
}

int __wrap_fchown(int file, uid_t uid, gid_t gid) { return file == FILE_DESCRIPTOR && uid == gid ? 0 : -1; }
int __wrap_fchmod(int file, mode_t mode) { return file == FILE_DESCRIPTOR && (mode & ~07777u) == 0 ? 0 : -1; }
int __wrap_ftruncate(int file, off_t size) { return file == FILE_DESCRIPTOR && size == 0 ? 0 : -1; }
int __wrap_lchown(const char *path, uid_t uid, gid_t gid) { return path[0] == '/' && uid == gid ? 0 : -1; }

int __wrap_mkdir(const char *path, mode_t mode) {
    demand(path[0] == '/' && mode == 0755, "makes directories");
    return 0;
}

ssize_t __wrap_flistxattr(int file, char *names, size_t size) {
    static const char list[] = "user.one\0user.two\0security.three";
    demand(file == FILE_DESCRIPTOR && size >= sizeof list, "asks for attributes with room for them");
    memcpy(names, list, sizeof list);
    return sizeof list;
}

int __wrap_fremovexattr(int file, const char *name) { return file == FILE_DESCRIPTOR && name[0] != 0 ? 0 : -1; }

int __wrap_fsetxattr(int file, const char *name, const void *value, size_t size, int flags) {
    demand(file == FILE_DESCRIPTOR && flags == 0 && (size == 0 || value != NULL), "sets attributes");
    return memchr(name, 0, 4096) != NULL || strlen(name) >= 4096 ? 0 : -1;
}

/* A clean path has no parts that mean another one. */
static void demand_path(const char *path) {
    demand(path[0] == '/', "absolute");
    size_t length = strlen(path);
    demand(length == 1 || path[length - 1] != '/', "no slash at the end");
    demand(strstr(path, "//") == NULL && strstr(path, "/../") == NULL && strstr(path, "/./") == NULL, "clean");
}

static bool answer(struct connection *connection, enum fuzz_operation operation, const char *path) {
    fuzz_calls[operation]++;
    if (path != NULL) {
        demand_path(path);
    }
    return connection_send_ok(connection);
}

bool user_by_name(const char *name, struct user *user) {
    *user = (struct user){.uid = 1000, .gid = 1000, .name = "user", .home = "/home/user", .shell = "/bin/sh"};
    return strcmp(name, "user") == 0;
}

int entry_of_file(struct buffer *output, struct owner_names *names, int file, const char *path) {
    demand(file == FILE_DESCRIPTOR && names != NULL, "entry of its file");
    demand_path(path);
    put_string(output, path);
    return 0;
}

bool protocol_error(struct connection *connection, const char *what) {
    fuzz_calls[FUZZ_PROTOCOL_ERROR]++;
    connection_send_error(connection, EPROTO, what, NULL);
    return false;
}

bool files_stat(struct connection *connection, const char *path) { return answer(connection, FUZZ_STAT, path); }
bool files_make_directory(struct connection *connection, const struct user *user, const char *path) {
    return user->uid == 1000 && answer(connection, FUZZ_MKDIR, path);
}
bool files_move(struct connection *connection, const struct user *user, const char *source, const char *destination) {
    demand_path(source);
    return user->uid == 1000 && answer(connection, FUZZ_MOVE, destination);
}
bool files_remove(struct connection *connection, const char *path) { return answer(connection, FUZZ_REMOVE, path); }
bool files_list(struct connection *connection, const char *path, uint32_t depth) {
    return depth == UINT32_MAX || answer(connection, FUZZ_LIST, path);
}
bool files_compose(struct connection *connection, const struct user *user, char *const *sources, size_t count, const char *destination) {
    demand(user->uid == 1000 && sources[count] == NULL, "terminated sources");
    for (size_t i = 0; i < count; i++) {
        demand_path(sources[i]);
    }
    return answer(connection, FUZZ_COMPOSE, destination);
}
bool machine_metrics(struct connection *connection, const char *path) { return path != NULL && answer(connection, FUZZ_METRICS, NULL); }
bool machine_sync(struct connection *connection) { return answer(connection, FUZZ_SYNC, NULL); }
bool machine_identity(struct connection *connection, const char *hostname, int64_t nanoseconds, struct bytes entropy) {
    return strlen(hostname) + entropy.length > 0 || nanoseconds != 0 ? answer(connection, FUZZ_IDENTITY, NULL) : true;
}
bool watch_serve(struct connection *connection, const struct watch_request *request) {
    answer(connection, FUZZ_WATCH, request->path);
    if (request->recursive && !request->network) {
        return false; /* as if it could not be begun */
    }
    connection_close(connection);
    return true;
}
bool watch_take_up(struct connection *connection, uint64_t id) {
    fuzz_calls[FUZZ_REWATCH]++;
    if (id % 2 == 0) {
        return false;
    }
    connection_close(connection);
    return true;
}
void watch_end_parked(void) {}
void process_drain_all(void) { fuzz_calls[FUZZ_DRAIN]++; }
bool process_detach(struct connection *connection, uint32_t pid, uint64_t start_id, uint32_t seconds) {
    return answer(connection, FUZZ_DETACH, NULL) || pid == seconds || start_id == 0;
}
bool process_list(struct connection *connection) { return answer(connection, FUZZ_PROCESSES, NULL); }
bool process_signal(struct connection *connection, uint32_t pid, uint32_t signal, bool group) {
    return answer(connection, FUZZ_SIGNAL, NULL) || pid == signal || group;
}
bool process_resize(struct connection *connection, uint32_t pid, uint16_t columns, uint16_t rows) {
    return answer(connection, FUZZ_RESIZE, NULL) || pid == columns || rows == 0;
}

static struct process *const started = (struct process *)&wire; /* never looked into */

struct process *process_start(struct connection *connection, const struct user *user, const struct process_start *request) {
    demand_path(request->cwd);
    size_t length = request->annotation.length;
    for (size_t i = 0; i < request->argument_count; i++) {
        length += strlen(request->argv[i]);
    }
    for (size_t i = 0; i < request->environment_count; i++) {
        length += strlen(request->environment[i]);
    }
    demand(length <= FRAME_LENGTH_MAXIMUM && user->uid == 1000, "a request of one frame");
    demand(request->argv[request->argument_count] == NULL && request->environment[request->environment_count] == NULL, "terminated");
    fuzz_calls[FUZZ_START]++;
    return connection_send_ok(connection) && request->rows % 2 == 0 ? started : NULL;
}

/* Receives as the owner of a process does: without waiting, in whatever pieces come. */
void process_serve(struct process *process, struct connection *connection) {
    demand(process == started, "serves what was started");
    for (unsigned empty = 0; empty < 1000;) {
        struct frame frame;
        enum receive_result result = connection_receive_now(connection, &frame, FRAME_STREAM_MAXIMUM);
        if (result == RECEIVE_FRAME) {
            demand(frame.length <= FRAME_STREAM_MAXIMUM, "frames within the limit");
            fuzz_calls[FUZZ_INPUT]++;
            connection_trim(connection);
        } else if (result == RECEIVE_WOULD_BLOCK) {
            empty++;
        } else {
            break;
        }
    }
    connection_close(connection);
}

bool process_attach(struct connection *connection, uint32_t pid, uint64_t start_id) {
    fuzz_calls[FUZZ_ATTACH]++;
    if (pid % 2 == 0 || start_id == 0) {
        return !connection_send_error(connection, ESRCH, "attach", NULL);
    }
    process_serve(started, connection);
    return true;
}

/* What was sent is whole frames of the kinds that are sent, and not more than the input can ask for. */
static void demand_frames(void) {
    const struct buffer *output = &wire.output;
    size_t at = 0;
    while (at < output->length) {
        demand(output->length - at >= FRAME_HEADER_SIZE, "a whole header");
        size_t length = decode_u32(output->data + at);
        demand(length >= 1 && length <= FRAME_LENGTH_MAXIMUM && output->length - at >= length + 4, "a whole frame");
        unsigned type = output->data[at + 4];
        demand(type == FRAME_WELCOME || type == FRAME_ERROR || type == FRAME_OK || type == FRAME_USER_INFO || type == FRAME_ENTRY ||
                   type == FRAME_DATA || type == FRAME_END,
               "a type that is sent");
        at += length + 4;
    }
    demand(output->length <= OUTPUT_FACTOR * (wire.size + 64), "no more output than the input is worth");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct agent agent = {.lock = PTHREAD_MUTEX_INITIALIZER, .token = {0}, .boot_id = "00112233445566778899aabbccddeeff"};
    wire.data = data + 1;
    wire.size = size - 1;
    wire.at = 0;
    wire.pieces = data[0];
    wire.open_sockets = 1;
    wire.output.length = 0;
    struct connection *connection = connection_create(SOCKET);
    demand(connection != NULL, "memory");
    requests_serve(&agent, connection);
    demand(wire.open_sockets == 0 && wire.open_files == 0, "everything is closed");
    demand(connection_count() == 0, "no connection is left");
    demand_frames();
    return 0;
}
