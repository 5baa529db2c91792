/*
 * One connection of the node: buffered receiving of whole frames, sending, and the orderly end. A connection belongs to one
 * thread at a time; process.c passes it on whole when an ATTACH hands it to the thread that owns a process.
 */
#ifndef HOLT_CONNECTION_H
#define HOLT_CONNECTION_H

#include "frame.h"

struct connection {
    int socket;
    size_t input_start;
    size_t input_end;
    unsigned char input[2048]; /* most requests fit: one recv(2) each */
    struct buffer large;       /* the payload of a frame that does not */
    struct buffer output;      /* frames built and not yet sent */
};

struct frame {
    uint8_t type;
    unsigned char *payload; /* valid until the next receive on the connection */
    size_t length;
};

enum receive_result {
    RECEIVE_FRAME,
    RECEIVE_CLOSED,    /* orderly end or broken: nobody to answer */
    RECEIVE_MALFORMED, /* a length outside the range */
    RECEIVE_WOULD_BLOCK,
    RECEIVE_NO_MEMORY,
};

/* Takes the socket over; NULL (and the socket still open) when there is no memory. */
struct connection *connection_create(int socket);
/* How many are open. */
int connection_count(void);
/* Frees the connection and closes its socket at once. */
void connection_close(struct connection *connection);
/*
 * Ends our direction and waits shortly for the other side to end its own, so that the last frame is not lost to the reset
 * that closing a socket with unread input sends (tcp(7)); the caller closes afterwards.
 */
void connection_linger(struct connection *connection);

/* Waits for one whole frame. `maximum_length` bounds the frame's length field (at most FRAME_LENGTH_MAXIMUM). */
enum receive_result connection_receive(struct connection *connection, struct frame *frame);
/* The same without ever waiting: RECEIVE_WOULD_BLOCK until the frame is whole. For frames of at most `payload_maximum`. */
enum receive_result connection_receive_now(struct connection *connection, struct frame *frame, size_t payload_maximum);
/* Gives the memory of a large frame back that is no longer used. */
void connection_trim(struct connection *connection);

/* Sends everything in `output` and empties it. False when the connection is broken. */
bool connection_flush(struct connection *connection);
/* Sends a header of `type` and the data behind it with one system call. */
bool connection_send_data(struct connection *connection, enum frame_type type, const void *data, size_t length);
bool connection_send_ok(struct connection *connection);
bool connection_send_end(struct connection *connection, uint64_t count);
/* ERROR with the message `what 'subject': strerror(error)`; a NULL subject leaves its part out. */
bool connection_send_error(struct connection *connection, int error, const char *what, const char *subject);
/* ERROR with this very message. */
bool connection_send_message(struct connection *connection, int error, const char *message);
/* Appends an ERROR frame without sending. */
void put_error(struct buffer *output, int error, const char *message);
/* Milliseconds that never go back, for deadlines. */
int64_t connection_clock(void);
/* True when the other side has gone; looks only, for long work that neither sends nor receives. */
bool connection_gone(const struct connection *connection);

#endif
