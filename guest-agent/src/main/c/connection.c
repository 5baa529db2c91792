#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static atomic_int open_connections;

int connection_count(void) { return atomic_load(&open_connections); }

int64_t connection_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct connection *connection_create(int socket) {
    struct connection *connection = malloc(sizeof *connection);
    if (connection != NULL) {
        atomic_fetch_add(&open_connections, 1);
        connection->socket = socket;
        connection->input_start = 0;
        connection->input_end = 0;
        connection->large = (struct buffer){0};
        connection->output = (struct buffer){0};
    }
    return connection;
}

void connection_close(struct connection *connection) {
    close(connection->socket);
    buffer_free(&connection->large);
    buffer_free(&connection->output);
    free(connection);
    atomic_fetch_sub(&open_connections, 1);
}

void connection_linger(struct connection *connection) {
    enum { LINGER_MILLISECONDS = 1000 };
    int64_t deadline = connection_clock() + LINGER_MILLISECONDS;
    shutdown(connection->socket, SHUT_WR);
    for (int64_t left; (left = deadline - connection_clock()) > 0;) {
        struct pollfd waiting = {.fd = connection->socket, .events = POLLIN};
        if (poll(&waiting, 1, (int)left) <= 0 || recv(connection->socket, connection->input, sizeof connection->input, 0) <= 0) {
            return;
        }
    }
}

/* Receives into the small buffer, behind what is there. */
static enum receive_result fill_input(struct connection *connection, int flags) {
    if (connection->input_start == connection->input_end) {
        connection->input_start = connection->input_end = 0;
    } else if (connection->input_end == sizeof connection->input) {
        size_t kept = connection->input_end - connection->input_start;
        memmove(connection->input, connection->input + connection->input_start, kept);
        connection->input_start = 0;
        connection->input_end = kept;
    }
    for (;;) {
        ssize_t received = recv(connection->socket, connection->input + connection->input_end,
                                sizeof connection->input - connection->input_end, flags);
        if (received > 0) {
            connection->input_end += (size_t)received;
            return RECEIVE_FRAME;
        }
        if (received < 0 && errno == EINTR) {
            continue;
        }
        if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return RECEIVE_WOULD_BLOCK;
        }
        return RECEIVE_CLOSED;
    }
}

/* Moves what the small buffer holds of a large frame's payload into `large`, then receives the rest there. */
static enum receive_result fill_large(struct connection *connection, size_t length, int flags) {
    struct buffer *large = &connection->large;
    while (large->length < length) {
        size_t missing = length - large->length;
        size_t buffered = connection->input_end - connection->input_start;
        if (buffered > 0) {
            size_t taken = buffered < missing ? buffered : missing;
            put_raw(large, connection->input + connection->input_start, taken);
            connection->input_start += taken;
            continue;
        }
        ssize_t received = recv(connection->socket, large->data + large->length, missing, flags);
        if (received > 0) {
            large->length += (size_t)received;
        } else if (received < 0 && errno == EINTR) {
            continue;
        } else if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return RECEIVE_WOULD_BLOCK;
        } else {
            return RECEIVE_CLOSED;
        }
    }
    return RECEIVE_FRAME;
}

/* Empty, or whole: then it was handed out by the call before. */
static bool large_is_done(const struct connection *connection) {
    const struct buffer *large = &connection->large;
    return large->length == 0 || large->length == 4 + (size_t)decode_u32(large->data);
}

/*
 * The state between calls that would block is in the buffers alone: a whole header stays in the small buffer until the
 * payload is complete, and a large payload collects in `large`, with the header kept in front of it.
 */
static enum receive_result receive(struct connection *connection, struct frame *frame, size_t length_maximum, int flags) {
    struct buffer *large = &connection->large;
    if (large_is_done(connection)) {
        large->length = 0;
    }
    if (large->length == 0) {
        while (connection->input_end - connection->input_start < FRAME_HEADER_SIZE) {
            enum receive_result filled = fill_input(connection, flags);
            if (filled != RECEIVE_FRAME) {
                return filled;
            }
        }
        unsigned char *start = connection->input + connection->input_start;
        size_t length = decode_u32(start);
        if (length < 1 || length > length_maximum) {
            return RECEIVE_MALFORMED;
        }
        if (length + 4 <= sizeof connection->input) {
            while (connection->input_end - connection->input_start < length + 4) {
                enum receive_result filled = fill_input(connection, flags);
                if (filled != RECEIVE_FRAME) {
                    return filled;
                }
            }
            start = connection->input + connection->input_start;
            *frame = (struct frame){start[4], start + FRAME_HEADER_SIZE, length - 1};
            connection->input_start += length + 4;
            return RECEIVE_FRAME;
        }
        if (!buffer_reserve(large, length + 4)) {
            large->failed = false;
            return RECEIVE_NO_MEMORY;
        }
        put_raw(large, start, FRAME_HEADER_SIZE);
        connection->input_start += FRAME_HEADER_SIZE;
    }
    size_t whole = 4 + (size_t)decode_u32(large->data);
    enum receive_result filled = fill_large(connection, whole, flags);
    if (filled == RECEIVE_FRAME) {
        *frame = (struct frame){large->data[4], large->data + FRAME_HEADER_SIZE, whole - FRAME_HEADER_SIZE};
    }
    return filled;
}

enum receive_result connection_receive(struct connection *connection, struct frame *frame) {
    return receive(connection, frame, FRAME_LENGTH_MAXIMUM, 0);
}

enum receive_result connection_receive_now(struct connection *connection, struct frame *frame, size_t payload_maximum) {
    return receive(connection, frame, payload_maximum + 1, MSG_DONTWAIT);
}

void connection_trim(struct connection *connection) {
    if (large_is_done(connection)) {
        buffer_free(&connection->large);
    }
    if (connection->output.length == 0) {
        buffer_free(&connection->output);
    }
}

static bool send_all(int socket, struct iovec *parts, size_t count) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (int)count};
    while (count > 0) {
        message.msg_iov = parts;
        message.msg_iovlen = (int)count;
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            return false;
        }
        size_t left = (size_t)sent;
        while (count > 0 && left >= parts->iov_len) {
            left -= parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (unsigned char *)parts->iov_base + left;
            parts->iov_len -= left;
        }
    }
    return true;
}

bool connection_flush(struct connection *connection) {
    struct buffer *output = &connection->output;
    if (output->failed) {
        buffer_free(output);
        return false;
    }
    if (output->length == 0) {
        return true;
    }
    struct iovec part = {output->data, output->length};
    bool sent = send_all(connection->socket, &part, 1);
    output->length = 0;
    return sent;
}

bool connection_send_data(struct connection *connection, enum frame_type type, const void *data, size_t length) {
    unsigned char header[FRAME_HEADER_SIZE];
    frame_header(header, type, length);
    struct iovec parts[2] = {{header, sizeof header}, {(void *)(uintptr_t)data, length}};
    return connection_flush(connection) && send_all(connection->socket, parts, length == 0 ? 1 : 2);
}

bool connection_send_ok(struct connection *connection) {
    frame_end(&connection->output, frame_begin(&connection->output, FRAME_OK));
    return connection_flush(connection);
}

bool connection_send_end(struct connection *connection, uint64_t count) {
    size_t start = frame_begin(&connection->output, FRAME_END);
    put_u64(&connection->output, count);
    frame_end(&connection->output, start);
    return connection_flush(connection);
}

void put_error(struct buffer *output, int error, const char *message) {
    size_t start = frame_begin(output, FRAME_ERROR);
    put_u32(output, (uint32_t)error);
    put_string(output, message);
    frame_end(output, start);
}

bool connection_send_message(struct connection *connection, int error, const char *message) {
    put_error(&connection->output, error, message);
    return connection_flush(connection);
}

bool connection_send_error(struct connection *connection, int error, const char *what, const char *subject) {
    const char *reason = strerror(error);
    size_t size = strlen(what) + strlen(reason) + (subject == NULL ? 0 : strlen(subject)) + 8;
    char *message = malloc(size);
    if (message == NULL) {
        return connection_send_message(connection, error, reason);
    }
    if (subject == NULL) {
        snprintf(message, size, "%s: %s", what, reason);
    } else {
        snprintf(message, size, "%s '%s': %s", what, subject, reason);
    }
    bool sent = connection_send_message(connection, error, message);
    free(message);
    return sent;
}

bool connection_gone(const struct connection *connection) {
    struct pollfd looking = {.fd = connection->socket, .events = POLLRDHUP};
    return poll(&looking, 1, 0) > 0 && (looking.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}
