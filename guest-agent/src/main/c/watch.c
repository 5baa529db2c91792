#include "watch.h"
#include "entry.h"
#include "paths.h"
#include "tree.h"
#include "watch_parking.h"
#include "watch_seen.h"
#include "watch_table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

enum event_kind { EVENT_CREATE = 1, EVENT_WRITE, EVENT_REMOVE, EVENT_RENAME, EVENT_CHMOD };

enum {
    DIRECTORY_MASK = IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR,
    ROOT_MASK = DIRECTORY_MASK | IN_DELETE_SELF | IN_MOVE_SELF,
    READ_SIZE = 8 * 1024,
    FLUSH_AT = 32 * 1024,
    MOVES_MAXIMUM = 8,
    /* Both halves of a rename are queued by one system call, one right after the other; this is long. */
    MOVE_MILLISECONDS = 20,
};

/* A directory that left its place; the other half of the rename tells whether it is still in the tree. */
struct move {
    uint32_t cookie;
    int descriptor;
};

struct watch {
    struct connection *connection;
    const struct watch_request *request;
    int inotify;
    int root;             /* watch descriptor */
    char root_path[PATH_MAX]; /* without symlinks; not held open, because IN_DELETE_SELF comes with the last descriptor's closing */
    struct watch_table table;
    struct watch_seen seen;
    struct move moves[MOVES_MAXIMUM];
    size_t move_count;
    struct owner_names names;
    uint64_t events;
    uint32_t detached_seconds;
    /* Of the scan in progress. */
    bool reporting;
    int scan_parent;
    int level_descriptors[TREE_DEPTH_MAXIMUM];
};

/* statfs(2); what has to be asked over a network or of another process cannot be watched reliably. */
static bool is_network(int directory) {
    struct statfs here, root;
    if (fstatfs(directory, &here) != 0) {
        return false;
    }
    /* gVisor calls what its gofer serves, the sandbox's own root above all, 9P; there it says nothing. */
    if (statfs("/", &root) == 0 && root.f_type == here.f_type) {
        return false;
    }
    switch ((uint32_t)here.f_type) {
    case 0x6969:     /* NFS */
    case 0xff534d42: /* CIFS */
    case 0x517b:     /* SMB */
    case 0xfe534d42: /* SMB 2 */
    case 0x65735546: /* FUSE */
    case 0x01021997: /* 9P */
        return true;
    default:
        return false;
    }
}

/* Appends an EVENT; `path` is relative to the root. */
static int emit(struct watch *watch, enum event_kind kind, const char *path) {
    struct buffer *output = &watch->connection->output;
    size_t start = frame_begin(output, FRAME_EVENT);
    put_u8(output, (uint8_t)kind);
    put_string(output, path);
    size_t flag = output->length;
    put_u8(output, 0);
    if (watch->request->entries && (kind == EVENT_CREATE || kind == EVENT_WRITE || kind == EVENT_CHMOD)) {
        char *whole = path_join(watch->request->path, path);
        if (whole != NULL && entry_of_path(output, &watch->names, whole) == 0 && !output->failed) {
            output->data[flag] = 1;
        }
        free(whole);
    }
    frame_end(output, start);
    watch->events++;
    return output->length < FLUSH_AT || connection_flush(watch->connection) ? 0 : TREE_STOPPED;
}

/* Watches an open directory. Through /proc it is certain to be this one, whatever its path means by now. */
static int add_directory(struct watch *watch, int directory, int parent, const char *name, int *descriptor) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", directory);
    int added = inotify_add_watch(watch->inotify, path, parent == 0 ? ROOT_MASK : DIRECTORY_MASK);
    if (added < 0) {
        return errno;
    }
    if (parent != 0 && added == watch->root) {
        /* The root inside itself (a bind mount): its own place stays. inotify_add_watch() replaced the mask. */
        *descriptor = added;
        return inotify_add_watch(watch->inotify, path, ROOT_MASK) < 0 ? errno : 0;
    }
    *descriptor = added;
    return watch_table_put(&watch->table, added, parent, name) ? 0 : ENOMEM;
}

/* Before a directory is read, so that nothing is missed: what appears meanwhile is at worst seen twice. */
static int scan_entered(void *context, size_t level, int directory, const char *name) {
    struct watch *watch = context;
    if (level == 0 && watch->scan_parent == 0) {
        watch->level_descriptors[0] = watch->root;
        return 0;
    }
    int parent = level == 0 ? watch->scan_parent : watch->level_descriptors[level - 1];
    return add_directory(watch, directory, parent, level == 0 ? path_name(name) : name, &watch->level_descriptors[level]);
}

static int scan_entry(void *context, size_t level, int directory, const char *name, const char *path) {
    struct watch *watch = context;
    (void)directory;
    if (!watch->reporting) {
        return 0;
    }
    watch_seen_add(&watch->seen, watch->level_descriptors[level], name);
    return emit(watch, EVENT_CREATE, path);
}

/* Adds the directories inside an open directory (which it takes over) and, when `parent` is not 0, the directory itself. */
static int scan(struct watch *watch, int directory, int parent, const char *path, bool reporting) {
    struct tree_visitor visitor = {.context = watch, .entered = scan_entered, .entry = scan_entry};
    watch->reporting = reporting;
    watch->scan_parent = parent;
    return tree_walk(directory, path, (struct tree_limits){.depth = UINT32_MAX, .one_filesystem = true}, &visitor);
}

/* Opens a directory of the tree part by part, so that no symlink put in the way leads out of it. */
static int open_inside(const struct watch *watch, const char *path) {
    int directory = open(watch->root_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    while (directory >= 0 && *path != 0) {
        char part[NAME_MAX + 1];
        size_t length = strcspn(path, "/");
        if (length > NAME_MAX) {
            close(directory);
            return -1;
        }
        memcpy(part, path, length);
        part[length] = 0;
        int next = openat(directory, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(directory);
        directory = next;
        path += length + (path[length] == '/');
    }
    return directory;
}

static int directory_appeared(struct watch *watch, int parent, const char *path) {
    int directory = open_inside(watch, path);
    return directory < 0 ? 0 : scan(watch, directory, parent, path, true);
}

/* Forgets a directory that left the tree, with all below it. */
static void forget_moved(struct watch *watch, int descriptor) {
    struct watch_table *table = &watch->table;
    int *leaving = malloc((table->count + 1) * sizeof *leaving);
    size_t count = 0;
    for (size_t i = 0; leaving != NULL && i < table->bucket_count; i++) {
        for (const struct watched *watched = table->buckets[i]; watched != NULL; watched = watched->next) {
            if (watch_table_is_below(table, watched->descriptor, descriptor)) {
                leaving[count++] = watched->descriptor;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        inotify_rm_watch(watch->inotify, leaving[i]);
        watch_table_remove(table, leaving[i]);
    }
    free(leaving);
}

static void forget_moves(struct watch *watch) {
    for (size_t i = 0; i < watch->move_count; i++) {
        forget_moved(watch, watch->moves[i].descriptor);
    }
    watch->move_count = 0;
}

static void directory_left(struct watch *watch, const struct inotify_event *event) {
    const struct watched *moved = watch_table_find_child(&watch->table, event->wd, event->name);
    if (moved == NULL) {
        return;
    }
    if (watch->move_count == MOVES_MAXIMUM) {
        forget_moved(watch, watch->moves[0].descriptor);
        memmove(watch->moves, watch->moves + 1, --watch->move_count * sizeof watch->moves[0]);
    }
    watch->moves[watch->move_count++] = (struct move){event->cookie, moved->descriptor};
}

static int directory_arrived(struct watch *watch, const struct inotify_event *event, const char *path) {
    for (size_t i = 0; i < watch->move_count; i++) {
        if (watch->moves[i].cookie == event->cookie) {
            int descriptor = watch->moves[i].descriptor;
            watch->moves[i] = watch->moves[--watch->move_count];
            return watch_table_put(&watch->table, descriptor, event->wd, event->name) ? 0 : ENOMEM;
        }
    }
    return directory_appeared(watch, event->wd, path);
}

/* One event of a name in a watched directory. 0, TREE_STOPPED or an errno. */
static int name_event(struct watch *watch, const struct inotify_event *event, const char *path) {
    bool directory = (event->mask & IN_ISDIR) != 0 && watch->request->recursive;
    int result = 0;
    if ((event->mask & IN_MOVED_FROM) != 0) {
        if (directory) {
            directory_left(watch, event);
        }
        return emit(watch, EVENT_RENAME, path);
    }
    if ((event->mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
        if (watch_seen_take(&watch->seen, event->wd, event->name)) {
            return 0; /* a scan reported it already */
        }
        result = emit(watch, EVENT_CREATE, path);
        if (result == 0 && directory) {
            result = (event->mask & IN_CREATE) != 0 ? directory_appeared(watch, event->wd, path) : directory_arrived(watch, event, path);
        }
        return result;
    }
    if ((event->mask & IN_DELETE) != 0) {
        return emit(watch, EVENT_REMOVE, path);
    }
    if ((event->mask & IN_MODIFY) != 0) {
        result = emit(watch, EVENT_WRITE, path);
    }
    return result == 0 && (event->mask & IN_ATTRIB) != 0 ? emit(watch, EVENT_CHMOD, path) : result;
}

enum { ROOT_GONE = -2, DETACH_ASKED = -3 };

static int handle_event(struct watch *watch, const struct inotify_event *event) {
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        return EOVERFLOW;
    }
    if (event->wd == watch->root && (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0) {
        return ROOT_GONE;
    }
    if ((event->mask & IN_IGNORED) != 0) {
        watch_table_remove(&watch->table, event->wd);
        return 0;
    }
    if (event->len == 0) {
        return 0; /* of a directory itself: its parent says the same with a name */
    }
    struct buffer path = {0};
    int result = 0;
    if (watch_table_path(&watch->table, event->wd, event->name, &path)) {
        result = name_event(watch, event, (const char *)path.data);
    }
    buffer_free(&path);
    return result;
}

static int handle_events(struct watch *watch, char *events) {
    ssize_t length = read(watch->inotify, events, READ_SIZE);
    if (length < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : errno;
    }
    int result = 0;
    for (ssize_t at = 0; at < length && result == 0;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)(events + at);
        at += (ssize_t)(sizeof *event + event->len);
        result = handle_event(watch, event);
    }
    /* All that was queued while a scan went on has been seen. */
    int queued = 0;
    if (ioctl(watch->inotify, FIONREAD, &queued) == 0 && queued == 0) {
        watch_seen_free(&watch->seen);
    }
    return result == 0 && !connection_flush(watch->connection) ? TREE_STOPPED : result;
}

/* Tells all that the kernel has queued up to now, then that this is so. */
static int answer_ping(struct watch *watch, char *events) {
    int queued = 0;
    int result = ioctl(watch->inotify, FIONREAD, &queued) == 0 ? 0 : errno;
    /* No more than what was there when it was asked: the tree may change faster than it is told. */
    for (int told = 0; result == 0 && told < queued;) {
        int left = 0;
        result = handle_events(watch, events);
        told = result == 0 && ioctl(watch->inotify, FIONREAD, &left) == 0 && left > 0 ? told + READ_SIZE : queued;
    }
    return result == 0 && !connection_send_ok(watch->connection) ? TREE_STOPPED : result;
}

/* 0, or what ends the serving of this connection. */
static int handle_frame(struct watch *watch, const struct frame *frame, char *events) {
    struct reader reader;
    reader_init(&reader, frame->payload, frame->length);
    if (frame->type == FRAME_PING && reader_done(&reader)) {
        return answer_ping(watch, events);
    }
    watch->detached_seconds = read_u32(&reader);
    return frame->type == FRAME_DETACH && reader_done(&reader) ? DETACH_ASKED : EPROTO;
}

/* While it watches the node sends PING, DETACH or nothing; else what can be received is its end. */
static int check_connection(struct watch *watch, char *events) {
    for (;;) {
        struct frame frame;
        int result;
        switch (connection_receive_now(watch->connection, &frame, FRAME_STREAM_MAXIMUM)) {
        case RECEIVE_WOULD_BLOCK:
            return 0;
        case RECEIVE_FRAME:
            result = handle_frame(watch, &frame, events);
            break;
        case RECEIVE_MALFORMED:
            return EPROTO;
        default:
            return TREE_STOPPED;
        }
        if (result != 0) {
            return result;
        }
    }
}

static int serve_events(struct watch *watch, char *events) {
    int result = check_connection(watch, events);
    while (result == 0) {
        struct pollfd waiting[2] = {{.fd = watch->inotify, .events = POLLIN}, {.fd = watch->connection->socket, .events = POLLIN}};
        int ready = poll(waiting, 2, watch->move_count > 0 ? MOVE_MILLISECONDS : -1);
        if (ready == 0) {
            forget_moves(watch);
        } else if (ready < 0 && errno != EINTR) {
            result = errno;
        } else if (ready > 0) {
            result = waiting[0].revents != 0 ? handle_events(watch, events) : 0;
            result = result == 0 && waiting[1].revents != 0 ? check_connection(watch, events) : result;
        }
    }
    return result;
}

/* Opens, checks and watches the root and, when asked, all below. 0 or an errno. */
static int begin(struct watch *watch) {
    int root = open(watch->request->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return errno;
    }
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", root);
    ssize_t length = readlink(link, watch->root_path, sizeof watch->root_path - 1);
    int error = length < 0 ? errno : !watch->request->network && is_network(root) ? EREMOTE : 0;
    if (error == 0) {
        watch->root_path[length] = 0;
        watch->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        error = watch->inotify < 0 ? errno : add_directory(watch, root, 0, "", &watch->root);
    }
    if (error == 0 && watch->request->recursive) {
        return scan(watch, root, 0, watch->request->path, false);
    }
    close(root);
    return error;
}

/* Ends the connection in order and waits for the next. True when one came; false, with none, when the watch is over. */
static bool change_connection(struct watch *watch) {
    struct connection *connection = watch->connection;
    struct watch_parking parking;
    if (!watch_park(&parking, watch->detached_seconds == 0)) {
        connection_send_error(connection, errno, "detach the watch of", watch->request->path);
        connection_linger(connection);
        connection_close(connection);
        watch->connection = NULL;
        return false;
    }
    size_t start = frame_begin(&connection->output, FRAME_DETACHED);
    put_u64(&connection->output, parking.id);
    frame_end(&connection->output, start);
    /* When it breaks here the node does not know the id, and nobody will come. */
    bool told = connection_flush(connection);
    connection_linger(connection);
    connection_close(connection);
    watch->connection = watch_await_connection(&parking, told ? watch->detached_seconds : 0);
    return watch->connection != NULL;
}

/* From its first OK to its end, over any number of connections. */
static void serve(struct watch *watch, char *events) {
    int result;
    do {
        result = connection_send_ok(watch->connection) ? serve_events(watch, events) : TREE_STOPPED;
    } while (result == DETACH_ASKED && change_connection(watch));
    if (watch->connection == NULL) {
        return;
    }
    if (result == ROOT_GONE) {
        connection_send_end(watch->connection, watch->events);
    } else if (result > 0) {
        connection_send_error(watch->connection, result, "watch", watch->request->path);
    }
    connection_linger(watch->connection);
    connection_close(watch->connection);
}

bool watch_serve(struct connection *connection, const struct watch_request *request) {
    struct watch *watch = calloc(1, sizeof *watch);
    char *events = malloc(READ_SIZE);
    int error = watch == NULL || events == NULL ? ENOMEM : 0;
    if (error == 0) {
        watch->connection = connection;
        watch->request = request;
        watch->inotify = -1;
        error = begin(watch);
    }
    if (error == 0) {
        serve(watch, events);
    } else {
        connection_send_error(connection, error, "watch", request->path);
    }
    if (watch != NULL) {
        if (watch->inotify >= 0) {
            close(watch->inotify);
        }
        watch_table_free(&watch->table);
        watch_seen_free(&watch->seen);
    }
    free(events);
    free(watch);
    return error == 0;
}
