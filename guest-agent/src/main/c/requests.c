#include "requests.h"
#include "files.h"
#include "machine.h"
#include "paths.h"
#include "process.h"
#include "users.h"
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELLO_MILLISECONDS = 10 * 1000, HELLO_PAYLOAD_MAXIMUM = 1024 };

/* What becomes of the connection after a request. */
enum next { NEXT_REQUEST, NEXT_CLOSE, NEXT_TAKEN };

static enum next malformed(struct connection *connection) {
    protocol_error(connection, "malformed request");
    return NEXT_CLOSE;
}

static enum next after(bool open) { return open ? NEXT_REQUEST : NEXT_CLOSE; }

/* Finds the user, or answers ENOKEY. */
static bool find_user(struct connection *connection, const char *name, struct user *user, bool *open) {
    if (user_by_name(name, user)) {
        return true;
    }
    size_t size = strlen(name) + 32;
    char *message = malloc(size);
    if (message == NULL) {
        *open = connection_send_error(connection, ENOMEM, "find user", NULL);
    } else {
        snprintf(message, size, "invalid username: '%s'", name);
        *open = connection_send_message(connection, ENOKEY, message);
    }
    free(message);
    return false;
}

static bool no_memory(struct connection *connection) { return connection_send_error(connection, ENOMEM, "take the request", NULL); }

static enum next request_user(struct connection *connection, struct reader *reader) {
    const char *name = read_string(reader);
    if (!reader_done(reader)) {
        return malformed(connection);
    }
    struct user user;
    bool open = true;
    if (find_user(connection, name, &user, &open)) {
        struct buffer *output = &connection->output;
        size_t start = frame_begin(output, FRAME_USER_INFO);
        put_u32(output, user.uid);
        put_u32(output, user.gid);
        put_string(output, user.name);
        put_string(output, user.home);
        put_string(output, user.shell);
        frame_end(output, start);
        open = connection_flush(connection);
    }
    return after(open);
}

/* The requests of the form {user, path, ...}. */
static enum next request_path(struct connection *connection, enum frame_type type, struct reader *reader) {
    const char *name = read_string(reader);
    const char *asked = read_path(reader);
    uint32_t depth = type == FRAME_LIST ? read_u32(reader) : 0;
    struct watch_request watch = {0};
    if (type == FRAME_WATCH) {
        watch.recursive = read_bool(reader);
        watch.entries = read_bool(reader);
        watch.network = read_bool(reader);
    }
    if (!reader_done(reader)) {
        return malformed(connection);
    }
    struct user user;
    bool open = true;
    if (!find_user(connection, name, &user, &open)) {
        return after(open);
    }
    char *path = path_resolve(user.home, asked);
    if (path == NULL) {
        return after(no_memory(connection));
    }
    watch.path = path;
    switch (type) {
    case FRAME_STAT:
        open = files_stat(connection, path);
        break;
    case FRAME_MKDIR:
        open = files_make_directory(connection, &user, path);
        break;
    case FRAME_REMOVE:
        open = files_remove(connection, path);
        break;
    case FRAME_OPEN:
        open = files_open(connection, path);
        break;
    case FRAME_LIST:
        open = files_list(connection, path, depth);
        break;
    default:
        if (watch_serve(connection, &watch)) {
            free(path);
            return NEXT_TAKEN;
        }
        break;
    }
    free(path);
    return after(open);
}

static enum next request_move(struct connection *connection, struct reader *reader) {
    const char *name = read_string(reader);
    const char *asked_source = read_path(reader);
    const char *asked_destination = read_path(reader);
    if (!reader_done(reader)) {
        return malformed(connection);
    }
    struct user user;
    bool open = true;
    if (find_user(connection, name, &user, &open)) {
        char *source = path_resolve(user.home, asked_source);
        char *destination = path_resolve(user.home, asked_destination);
        open = source == NULL || destination == NULL ? no_memory(connection) : files_move(connection, &user, source, destination);
        free(source);
        free(destination);
    }
    return after(open);
}

static void free_strings(char **strings, size_t count) {
    for (size_t i = 0; strings != NULL && i < count; i++) {
        free(strings[i]);
    }
    free(strings);
}

/* A NULL-terminated array of strings that lie in the payload. NULL (with the reader not bad) when there is no memory. */
static char **read_strings(struct reader *reader, bool paths, size_t *count) {
    *count = read_count(reader, sizeof(uint32_t));
    char **strings = calloc(*count + 1, sizeof *strings);
    for (size_t i = 0; strings != NULL && i < *count; i++) {
        strings[i] = (char *)(uintptr_t)(paths ? read_path(reader) : read_string(reader));
    }
    return strings;
}

static enum next request_compose(struct connection *connection, struct reader *reader) {
    size_t count;
    const char *name = read_string(reader);
    char **asked = read_strings(reader, true, &count);
    if (asked == NULL) {
        return after(no_memory(connection));
    }
    const char *asked_destination = read_path(reader);
    struct user user;
    bool open = true;
    if (!reader_done(reader)) {
        free(asked);
        return malformed(connection);
    }
    if (find_user(connection, name, &user, &open)) {
        char **sources = calloc(count + 1, sizeof *sources);
        char *destination = path_resolve(user.home, asked_destination);
        bool complete = sources != NULL && destination != NULL;
        for (size_t i = 0; complete && i < count; i++) {
            sources[i] = path_resolve(user.home, asked[i]);
            complete = sources[i] != NULL;
        }
        open = complete ? files_compose(connection, &user, sources, count, destination) : no_memory(connection);
        free_strings(sources, count);
        free(destination);
    }
    free(asked);
    return after(open);
}

static enum next request_write(struct connection *connection, struct reader *reader) {
    struct file_write request = {0};
    const char *name = read_string(reader);
    const char *asked = read_path(reader);
    request.mode = read_u32(reader);
    request.offset_plus_1 = read_u64(reader);
    request.prefix = read_string(reader);
    request.attribute_count = read_count(reader, 2 * sizeof(uint32_t));
    struct file_attribute *attributes = calloc(request.attribute_count + 1, sizeof *attributes);
    if (attributes == NULL) {
        return after(no_memory(connection));
    }
    for (size_t i = 0; i < request.attribute_count; i++) {
        attributes[i].name = read_string(reader);
        attributes[i].value = read_bytes(reader);
    }
    request.attributes = attributes;
    struct user user;
    bool open = true;
    if (!reader_done(reader)) {
        free(attributes);
        return malformed(connection);
    }
    if (find_user(connection, name, &user, &open)) {
        char *path = path_resolve(user.home, asked);
        request.path = path;
        open = path == NULL ? no_memory(connection) : files_write(connection, &user, &request);
        free(path);
    }
    free(attributes);
    return after(open);
}

static enum next request_metrics(struct connection *connection, struct reader *reader) {
    const char *path = read_path(reader);
    return reader_done(reader) ? after(machine_metrics(connection, path)) : malformed(connection);
}

static void change_token(struct agent *agent, struct bytes token) {
    pthread_mutex_lock(&agent->lock);
    memcpy(agent->token, token.data, TOKEN_SIZE);
    pthread_mutex_unlock(&agent->lock);
}

/* Whatever of it fails, the token is changed: a guest must not be able to keep an old one by spoiling its /etc/hosts. */
static enum next request_identity(struct agent *agent, struct connection *connection, struct reader *reader) {
    const char *hostname = read_string(reader);
    int64_t nanoseconds = (int64_t)read_u64(reader);
    struct bytes entropy = read_bytes(reader);
    bool has_token = reader_left(reader) > 0;
    struct bytes token = read_raw(reader, has_token ? TOKEN_SIZE : 0);
    if (!reader_done(reader)) {
        return malformed(connection);
    }
    if (has_token) {
        change_token(agent, token);
    }
    process_drain_all();
    watch_end_parked();
    return after(machine_identity(connection, hostname, nanoseconds, entropy));
}

static enum next request_detach(struct connection *connection, struct reader *reader) {
    uint32_t pid = read_u32(reader);
    uint64_t start_id = read_u64(reader);
    uint32_t seconds = read_u32(reader);
    return reader_done(reader) ? after(process_detach(connection, pid, start_id, seconds)) : malformed(connection);
}

static enum next request_rewatch(struct connection *connection, struct reader *reader) {
    uint64_t id = read_u64(reader);
    if (!reader_done(reader)) {
        return malformed(connection);
    }
    return watch_take_up(connection, id) ? NEXT_TAKEN : after(connection_send_error(connection, ESRCH, "take a watch up", NULL));
}

static enum next request_signal(struct connection *connection, struct reader *reader) {
    uint32_t pid = read_u32(reader);
    uint32_t signal = read_u32(reader);
    bool group = read_bool(reader);
    return reader_done(reader) ? after(process_signal(connection, pid, signal, group)) : malformed(connection);
}

static enum next request_resize(struct connection *connection, struct reader *reader) {
    uint32_t pid = read_u32(reader);
    uint16_t columns = read_u16(reader);
    uint16_t rows = read_u16(reader);
    return reader_done(reader) ? after(process_resize(connection, pid, columns, rows)) : malformed(connection);
}

static enum next serve_process(struct connection *connection, struct process *process) {
    connection_trim(connection);
    process_serve(process, connection);
    return NEXT_TAKEN;
}

/* Decodes and starts; what was decoded is freed before the process is served, which may take days. */
static struct process *start(struct connection *connection, struct reader *reader, bool *open) {
    struct process_start request = {0};
    struct process *process = NULL;
    const char *name = read_string(reader);
    const char *asked_cwd = read_path(reader);
    request.argv = read_strings(reader, false, &request.argument_count);
    request.environment = request.argv == NULL ? NULL : read_strings(reader, false, &request.environment_count);
    if (request.argv == NULL || request.environment == NULL) {
        free(request.argv);
        *open = no_memory(connection);
        return NULL;
    }
    request.flags = read_u8(reader);
    request.columns = read_u16(reader);
    request.rows = read_u16(reader);
    request.annotation = read_bytes(reader);
    struct user user;
    if (!reader_done(reader) || (request.flags & ~(START_TERMINAL | START_INPUT)) != 0) {
        *open = protocol_error(connection, "malformed request");
    } else if (find_user(connection, name, &user, open)) {
        char *cwd = path_resolve(user.home, asked_cwd);
        request.cwd = cwd;
        if (cwd == NULL) {
            *open = no_memory(connection);
        } else {
            process = process_start(connection, &user, &request);
        }
        free(cwd);
    }
    free(request.argv);
    free(request.environment);
    return process;
}

static enum next request_start(struct connection *connection, struct reader *reader) {
    bool open = true;
    struct process *process = start(connection, reader, &open);
    return process == NULL ? after(open) : serve_process(connection, process);
}

static enum next request_attach(struct connection *connection, struct reader *reader) {
    uint32_t pid = read_u32(reader);
    uint64_t start_id = read_u64(reader);
    if (!reader_done(reader)) {
        return malformed(connection);
    }
    return process_attach(connection, pid, start_id) ? NEXT_TAKEN : NEXT_REQUEST;
}

static enum next dispatch(struct agent *agent, struct connection *connection, const struct frame *frame) {
    struct reader reader;
    reader_init(&reader, frame->payload, frame->length);
    switch ((enum frame_type)frame->type) {
    case FRAME_PING:
        return reader_done(&reader) ? after(connection_send_ok(connection)) : malformed(connection);
    case FRAME_USER:
        return request_user(connection, &reader);
    case FRAME_STAT:
    case FRAME_MKDIR:
    case FRAME_REMOVE:
    case FRAME_OPEN:
    case FRAME_LIST:
    case FRAME_WATCH:
        return request_path(connection, (enum frame_type)frame->type, &reader);
    case FRAME_MOVE:
        return request_move(connection, &reader);
    case FRAME_COMPOSE:
        return request_compose(connection, &reader);
    case FRAME_METRICS:
        return request_metrics(connection, &reader);
    case FRAME_SYNC:
        return reader_done(&reader) ? after(machine_sync(connection)) : malformed(connection);
    case FRAME_IDENTITY:
        return request_identity(agent, connection, &reader);
    case FRAME_PROCESSES:
        return reader_done(&reader) ? after(process_list(connection)) : malformed(connection);
    case FRAME_SIGNAL:
        return request_signal(connection, &reader);
    case FRAME_RESIZE:
        return request_resize(connection, &reader);
    case FRAME_DETACH:
        return request_detach(connection, &reader);
    case FRAME_REWATCH:
        return request_rewatch(connection, &reader);
    case FRAME_WRITE:
        return request_write(connection, &reader);
    case FRAME_START:
        return request_start(connection, &reader);
    case FRAME_ATTACH:
        return request_attach(connection, &reader);
    default:
        protocol_error(connection, "unknown request");
        return NEXT_CLOSE;
    }
}

/* Takes as long for every wrong token. */
static bool same_token(const unsigned char *one, const unsigned char *other) {
    unsigned difference = 0;
    for (size_t i = 0; i < TOKEN_SIZE; i++) {
        difference |= (unsigned)(one[i] ^ other[i]);
    }
    return difference == 0;
}

/* A whole HELLO, or RECEIVE_WOULD_BLOCK when it did not come in time. */
static enum receive_result receive_hello(struct connection *connection, struct frame *frame) {
    int64_t deadline = connection_clock() + HELLO_MILLISECONDS;
    for (;;) {
        enum receive_result received = connection_receive_now(connection, frame, HELLO_PAYLOAD_MAXIMUM);
        int64_t left = deadline - connection_clock();
        if (received != RECEIVE_WOULD_BLOCK || left <= 0) {
            return received;
        }
        struct pollfd waiting = {.fd = connection->socket, .events = POLLIN};
        poll(&waiting, 1, (int)left);
    }
}

static bool is_token(struct agent *agent, const unsigned char *token) {
    pthread_mutex_lock(&agent->lock);
    bool same = same_token(token, agent->token);
    pthread_mutex_unlock(&agent->lock);
    return same;
}

static bool greet(struct agent *agent, struct connection *connection) {
    struct frame frame;
    enum receive_result received = receive_hello(connection, &frame);
    if (received == RECEIVE_MALFORMED) {
        return protocol_error(connection, "malformed HELLO");
    }
    if (received != RECEIVE_FRAME) {
        return false;
    }
    struct reader reader;
    reader_init(&reader, frame.payload, frame.length);
    uint32_t magic = read_u32(&reader);
    uint16_t version = read_u16(&reader);
    struct bytes token = read_raw(&reader, TOKEN_SIZE);
    if (frame.type != FRAME_HELLO || !reader_done(&reader)) {
        return protocol_error(connection, "malformed HELLO");
    }
    if (magic != PROTOCOL_MAGIC || version == 0 || !is_token(agent, token.data)) {
        connection_send_error(connection, EACCES, "greet", NULL);
        return false;
    }
    struct buffer *output = &connection->output;
    size_t start = frame_begin(output, FRAME_WELCOME);
    put_u16(output, PROTOCOL_VERSION);
    put_string(output, AGENT_VERSION);
    put_string(output, agent->boot_id);
    frame_end(output, start);
    return connection_flush(connection);
}

void requests_serve(struct agent *agent, struct connection *connection) {
    enum next next = greet(agent, connection) ? NEXT_REQUEST : NEXT_CLOSE;
    while (next == NEXT_REQUEST) {
        struct frame frame;
        enum receive_result received = connection_receive(connection, &frame);
        if (received == RECEIVE_FRAME) {
            next = dispatch(agent, connection, &frame);
            if (next == NEXT_REQUEST) {
                connection_trim(connection);
            }
        } else {
            if (received == RECEIVE_MALFORMED) {
                protocol_error(connection, "malformed frame");
            }
            next = NEXT_CLOSE;
        }
    }
    if (next != NEXT_TAKEN) {
        connection_linger(connection);
        connection_close(connection);
    }
}
