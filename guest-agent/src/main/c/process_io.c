/*
 * The owner's loop: moves bytes between a process and the connection attached to it, if any, without ever waiting anywhere but
 * in poll(2). Output is read only when everything before it was sent, which is the back-pressure; input is received only when
 * the input before it was taken.
 */
#include "process.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    GRACE_MILLISECONDS = 2000,   /* for the end of output, after the exit */
    CONFIRM_MILLISECONDS = 5000, /* for the node to close after EXIT */
    LOOK_AT_INPUT_EVERY = 8,     /* reads of output */
    IDLE_MILLISECONDS = 1000,    /* until the memory of an idle process is given back */
    LAST_FRAME_MILLISECONDS = 1000,
    TICK_MILLISECONDS = 1000,    /* of what is kept: counted by waiting, because clocks go on while a guest is suspended or a file */
    READ_AFTER_GRACE_MAXIMUM = 1024 * 1024, /* the largest usual pipe: all of it may be the process's own last words */
    OUTPUT_BEFORE_INPUT = FRAME_STREAM_MAXIMUM + 8 * 1024, /* input waits while more than this is unsent */
};

/* Puts the output in frames that were not sent whole back into the tails, for the next connection. */
static void keep_unsent(struct process *process) {
    const struct buffer *output = &process->output;
    for (size_t at = 0; at < output->length;) {
        size_t size = 4 + (size_t)decode_u32(output->data + at);
        if (output->failed || at + size > output->length) {
            break; /* memory ran out in the middle of a frame */
        }
        for (size_t i = 0; i < PROCESS_STREAMS && at + size > process->sent; i++) {
            if (output->data[at + 4] == process->streams[i].type) {
                tail_append(&process->streams[i].tail, output->data + at + FRAME_HEADER_SIZE, size - FRAME_HEADER_SIZE);
            }
        }
        at += size;
    }
    process->output.length = 0;
    process->output.failed = false;
    process->sent = 0;
}

static void detach(struct process *process) {
    if (process->connection != NULL) {
        keep_unsent(process);
        connection_close(process->connection);
        process->connection = NULL;
    }
    process->has_pending_input = false;
    process->exit_queued = false;
    process->detaching = false;
}

static void attach(struct process *process, struct connection *connection) {
    detach(process);
    struct buffer *output = &process->output;
    process->connection = connection;
    process->kept = 0;
    size_t start = frame_begin(output, FRAME_STARTED);
    put_u32(output, (uint32_t)process->pid);
    put_u64(output, process->start_id);
    frame_end(output, start);
    for (size_t i = 0; i < PROCESS_STREAMS; i++) {
        struct tail *tail = &process->streams[i].tail;
        if (tail->length > 0) {
            start = frame_begin(output, process->streams[i].type);
            put_raw(output, tail->data, tail->length);
            frame_end(output, start);
        }
        free(tail->data);
        *tail = (struct tail){0};
    }
}

/* Sends what the socket takes. A broken connection is detached. */
static void send_output(struct process *process) {
    struct buffer *output = &process->output;
    if (output->failed) {
        detach(process);
    }
    while (process->connection != NULL && process->sent < output->length) {
        ssize_t sent = send(process->connection->socket, output->data + process->sent, output->length - process->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            process->sent += (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            detach(process);
        }
    }
    output->length = 0;
    process->sent = 0;
}

/* The last frame of a connection, for which it is worth waiting a little; false when it did not go out. */
static bool send_whole(struct process *process) {
    int64_t deadline = connection_clock() + LAST_FRAME_MILLISECONDS;
    for (send_output(process); process->connection != NULL && process->output.length > 0; send_output(process)) {
        int64_t left = deadline - connection_clock();
        struct pollfd waiting = {.fd = process->connection->socket, .events = POLLOUT};
        if (left <= 0 || poll(&waiting, 1, (int)left) <= 0) {
            return false;
        }
    }
    return process->connection != NULL;
}

static void close_stream(struct process *process, struct stream *stream) {
    if (process->is_terminal) {
        process_table_close_terminal(process);
        process->input = -1;
    }
    close(stream->file);
    stream->file = -1;
}

/* Output stays where it is: the connection is about to end in order, or has, and somebody is to take up from there. */
static bool rests(const struct process *process) { return process->detaching || (process->connection == NULL && process->kept > 0); }

/*
 * Reads once, when nothing is unsent. `grace_over`: the process is gone and somebody else still holds the stream; then only
 * what is already in it is read.
 */
static bool read_stream(struct process *process, struct stream *stream, bool grace_over) {
    struct buffer *output = &process->output;
    if (stream->file < 0 || output->length > 0 || rests(process)) {
        return false;
    }
    if (!buffer_reserve(output, FRAME_HEADER_SIZE + FRAME_STREAM_MAXIMUM)) {
        output->failed = false; /* no memory now; poll(2) brings us here again */
        return false;
    }
    ssize_t got = read(stream->file, output->data + FRAME_HEADER_SIZE, FRAME_STREAM_MAXIMUM);
    if (got < 0 && (errno == EINTR || (errno == EAGAIN && !grace_over))) {
        return false;
    }
    if (got <= 0) { /* for a terminal EIO is the end: no process has it open, pty(7) */
        close_stream(process, stream);
        return true;
    }
    if (process->connection == NULL) {
        tail_append(&stream->tail, output->data + FRAME_HEADER_SIZE, (size_t)got);
    } else {
        frame_header(output->data, stream->type, (size_t)got);
        output->length = FRAME_HEADER_SIZE + (size_t)got;
        send_output(process);
    }
    stream->read_after_grace += grace_over ? (size_t)got : 0;
    if (stream->read_after_grace > READ_AFTER_GRACE_MAXIMUM) {
        close_stream(process, stream);
    }
    return true;
}

static void acknowledge(struct process *process, int error) {
    size_t start = frame_begin(&process->output, FRAME_INPUT_ACK);
    put_u32(&process->output, (uint32_t)error);
    frame_end(&process->output, start);
    process->has_pending_input = false;
    send_output(process);
}

/* Writes on what was received; acknowledges once all of it is written or nothing more can be. */
static void write_input(struct process *process) {
    const struct frame *frame = &process->pending_input;
    while (process->pending_written < frame->length) {
        ssize_t written = process->input < 0 ? -1 : write(process->input, frame->payload + process->pending_written, frame->length - process->pending_written);
        if (written >= 0) {
            process->pending_written += (size_t)written;
        } else if (process->input >= 0 && errno == EAGAIN) {
            return;
        } else if (process->input < 0 || errno != EINTR) {
            acknowledge(process, process->input < 0 ? EPIPE : errno);
            return;
        }
    }
    acknowledge(process, process->input < 0 ? EPIPE : 0);
}

static void close_input(struct process *process) {
    if (process->is_terminal) {
        acknowledge(process, EINVAL);
        return;
    }
    if (process->input >= 0) {
        close(process->input);
        process->input = -1;
    }
    acknowledge(process, 0);
}

/* The last thing said on a connection that broke the rules; what the socket does not take at once is lost. */
static void refuse(struct process *process) {
    put_error(&process->output, EPROTO, "neither STDIN nor CLOSE_STDIN while a process is attached");
    send_output(process);
    detach(process);
}

static bool may_receive(const struct process *process) {
    return process->connection != NULL && !process->has_pending_input && !process->exit_queued && !process->detaching && process->output.length < OUTPUT_BEFORE_INPUT;
}

static void receive_input(struct process *process) {
    while (may_receive(process)) {
        switch (connection_receive_now(process->connection, &process->pending_input, FRAME_STREAM_MAXIMUM)) {
        case RECEIVE_WOULD_BLOCK:
            return;
        case RECEIVE_FRAME:
            break;
        case RECEIVE_MALFORMED:
            refuse(process);
            return;
        default:
            detach(process);
            return;
        }
        if (process->pending_input.type == FRAME_STDIN) {
            process->has_pending_input = true;
            process->pending_written = 0;
            write_input(process);
        } else if (process->pending_input.type == FRAME_CLOSE_STDIN && process->pending_input.length == 0) {
            close_input(process);
        } else {
            refuse(process);
        }
    }
}

static void queue_exit(struct process *process) {
    struct buffer *output = &process->output;
    size_t start = frame_begin(output, FRAME_EXIT);
    bool killed = WIFSIGNALED(process->status);
    put_u8(output, killed);
    put_u32(output, (uint32_t)(killed ? WTERMSIG(process->status) : WEXITSTATUS(process->status)));
    put_u8(output, killed && WCOREDUMP(process->status));
    frame_end(output, start);
    process->exit_queued = true;
    send_output(process);
}

/* Whoever wakes the owner changes the table first, so the owner looks there after this. */
static void take_wake(const struct process *process) {
    eventfd_t ignored;
    eventfd_read(process->wake, &ignored);
}

/* Waits for the next thing to happen; `timeout` as in poll(2). Returns false on time-out. */
static bool wait_for_events(struct process *process, int timeout) {
    struct pollfd waiting[3 + PROCESS_STREAMS];
    nfds_t count = 0;
    waiting[count++] = (struct pollfd){.fd = process->wake, .events = POLLIN};
    bool unsent = process->output.length > 0;
    struct pollfd *socket = NULL;
    if (process->connection != NULL) {
        socket = &waiting[count++];
        short events = (short)(POLLRDHUP | (may_receive(process) ? POLLIN : 0) | (unsent ? POLLOUT : 0));
        *socket = (struct pollfd){.fd = process->connection->socket, .events = events};
        if (process->has_pending_input && !process->detaching) {
            waiting[count++] = (struct pollfd){.fd = process->input, .events = POLLOUT};
        }
    }
    for (size_t i = 0; i < PROCESS_STREAMS && !unsent && !rests(process); i++) {
        if (process->streams[i].file >= 0) {
            waiting[count++] = (struct pollfd){.fd = process->streams[i].file, .events = POLLIN};
        }
    }
    if (poll(waiting, count, timeout) == 0) {
        return false;
    }
    take_wake(process);
    /* Gone, and nothing can be received that would say so. */
    if (socket != NULL && (socket->revents & (POLLRDHUP | POLLERR | POLLHUP)) != 0 && !may_receive(process)) {
        detach(process);
    }
    return true;
}

/* EXIT was sent. Waits for the node to close in order: a reset means that it may not have seen EXIT. */
static bool wait_for_confirmation(struct process *process) {
    int64_t deadline = connection_clock() + CONFIRM_MILLISECONDS;
    int socket = process->connection->socket;
    shutdown(socket, SHUT_WR);
    for (int64_t left; (left = deadline - connection_clock()) > 0;) {
        if (process_table_has_arrival(process)) {
            return false; /* somebody attaches: that is the answer */
        }
        struct pollfd waiting[2] = {{.fd = socket, .events = POLLIN}, {.fd = process->wake, .events = POLLIN}};
        if (poll(waiting, 2, (int)left) <= 0) {
            continue;
        }
        take_wake(process);
        unsigned char ignored[512];
        ssize_t got = recv(socket, ignored, sizeof ignored, MSG_DONTWAIT);
        if (got == 0) {
            return true;
        }
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* All that was read was sent: says that it was, ends the connection and keeps what comes. */
static void finish_detaching(struct process *process) {
    struct buffer *output = &process->output;
    size_t start = frame_begin(output, FRAME_DETACHED);
    put_u32(output, process->has_pending_input ? (uint32_t)process->pending_written : 0);
    frame_end(output, start);
    if (send_whole(process)) {
        connection_linger(process->connection);
    } else {
        output->length = 0;
        process->sent = 0;
    }
    detach(process);
}

static bool output_ended(const struct process *process) {
    return process->streams[0].file < 0 && process->streams[1].file < 0 && process->output.length == 0;
}

/* What to do once the process has ended and all output was read and sent. True when this thread is done with it. */
static bool finish(struct process *process) {
    if (process->connection == NULL) {
        if (process->input >= 0) {
            close(process->input);
            process->input = -1;
        }
        buffer_free(&process->output);
        return process_table_disown(process);
    }
    if (!process->exit_queued) {
        /* Hidden before it is sent: who has read EXIT must not find the process in a list. */
        process_table_confirming(process, true);
        queue_exit(process);
        return false;
    }
    bool confirmed = wait_for_confirmation(process);
    detach(process);
    if (confirmed) {
        return process_table_forget(process);
    }
    process_table_confirming(process, false);
    return false;
}

/* What others want. */
static bool take_news(struct process *process) {
    struct process_news news = process_table_look(process);
    if (news.arrived != NULL) {
        attach(process, news.arrived);
    }
    if (news.detach && process->connection != NULL && !process->exit_queued) {
        process->detaching = true;
        process->kept = news.detach_seconds;
    }
    if (news.drain && process->connection == NULL) {
        process->kept = 0;
    }
    return news.ended;
}

/* How long to wait for events at most, as in poll(2). */
static int waiting_time(const struct process *process, bool ended, int64_t grace_end) {
    int64_t now = connection_clock();
    if (process->connection == NULL && process->kept > 0) {
        return TICK_MILLISECONDS;
    }
    if (ended && now < grace_end) {
        return (int)(grace_end - now);
    }
    return process->output.capacity > 0 && process->output.length == 0 ? IDLE_MILLISECONDS : -1;
}

/* Nothing happened for a while. */
static void idle(struct process *process) {
    if (process->connection == NULL && process->kept > 0) {
        process->kept--;
    }
    if (process->output.length == 0) {
        buffer_free(&process->output);
        if (process->connection != NULL && !process->has_pending_input) {
            connection_trim(process->connection);
        }
    }
}

void process_serve(struct process *process, struct connection *connection) {
    int64_t grace_end = 0;
    bool waited = true;
    size_t round = 0;
    attach(process, connection);
    for (;;) {
        bool ended = take_news(process);
        if (ended && grace_end == 0) {
            grace_end = connection_clock() + GRACE_MILLISECONDS;
        }
        bool grace_over = ended && connection_clock() >= grace_end;
        send_output(process);
        if (process->detaching && process->output.length == 0) {
            finish_detaching(process);
            continue;
        }
        if (process->has_pending_input && !process->detaching) {
            write_input(process);
        }
        /* While output floods, poll(2) is left out, and a look at the input now and then is enough. */
        if (waited || round % LOOK_AT_INPUT_EVERY == 0) {
            receive_input(process);
        }
        waited = false;
        round++;
        /* Each in turn is first, so that neither keeps the other from being read. */
        bool progress = read_stream(process, &process->streams[round % 2], grace_over);
        progress |= read_stream(process, &process->streams[(round + 1) % 2], grace_over);
        if (progress) {
            continue;
        }
        if (ended && output_ended(process) && !process->detaching) {
            if (finish(process)) {
                return;
            }
            continue;
        }
        waited = true;
        if (!wait_for_events(process, waiting_time(process, ended, grace_end))) {
            idle(process);
        }
    }
}
