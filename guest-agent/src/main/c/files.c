#include "files.h"
#include "entry.h"
#include "paths.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_FLUSH_AT = 32 * 1024 };

bool protocol_error(struct connection *connection, const char *what) {
    connection_send_error(connection, EPROTO, what, NULL);
    return false;
}

static bool send_entry(struct connection *connection, const char *what, const char *path) {
    struct owner_names names = {0};
    size_t start = frame_begin(&connection->output, FRAME_ENTRY);
    int error = entry_of_path(&connection->output, &names, path);
    if (error != 0) {
        connection->output.length = start;
        return connection_send_error(connection, error, what, path);
    }
    frame_end(&connection->output, start);
    return connection_flush(connection);
}

bool files_stat(struct connection *connection, const char *path) { return send_entry(connection, "stat", path); }

bool files_make_directory(struct connection *connection, const struct user *user, const char *path) {
    int error = directories_make(path, user->uid, user->gid);
    return error == 0 ? send_entry(connection, "make directory", path)
                      : connection_send_error(connection, error, "make directory", path);
}

bool files_move(struct connection *connection, const struct user *user, const char *source, const char *destination) {
    struct stat status;
    /* Looked at first, so that a missing source leaves no new directories behind. */
    int error = lstat(source, &status) == 0 ? parents_make(destination, user->uid, user->gid) : errno;
    if (error == 0 && rename(source, destination) != 0) {
        error = errno;
    }
    if (error == 0) {
        return send_entry(connection, "move to", destination);
    }
    size_t size = strlen(source) + strlen(destination) + 32;
    char *what = malloc(size);
    if (what != NULL) {
        snprintf(what, size, "move '%s' to", source);
    }
    bool sent = connection_send_error(connection, error, what == NULL ? "move to" : what, destination);
    free(what);
    return sent;
}

static bool gone(const void *connection) { return connection_gone(connection); }

bool files_remove(struct connection *connection, const char *path) {
    int error = tree_remove(path, gone, connection);
    return error == 0 ? connection_send_ok(connection) : connection_send_error(connection, error, "remove", path);
}

struct listing {
    struct connection *connection;
    struct owner_names names;
    uint64_t count;
};

static int list_entry(void *context, size_t level, int directory, const char *name, const char *path) {
    (void)level;
    struct listing *listing = context;
    struct buffer *output = &listing->connection->output;
    size_t start = frame_begin(output, FRAME_ENTRY);
    if (entry_in_directory(output, &listing->names, directory, name, path) != 0) {
        output->length = start; /* vanished */
        return 0;
    }
    frame_end(output, start);
    listing->count++;
    if (output->failed || (output->length >= LIST_FLUSH_AT && !connection_flush(listing->connection))) {
        return TREE_STOPPED;
    }
    return 0;
}

bool files_list(struct connection *connection, const char *path, uint32_t depth) {
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return connection_send_error(connection, errno, "list", path);
    }
    struct listing listing = {.connection = connection};
    struct tree_visitor visitor = {.context = &listing, .entry = list_entry};
    int result = tree_walk(root, path, (struct tree_limits){.depth = depth == 0 ? 1 : depth}, &visitor);
    if (result == TREE_STOPPED) {
        return false;
    }
    return result == 0 ? connection_send_end(connection, listing.count)
                       : connection_send_error(connection, result, "list", path);
}
