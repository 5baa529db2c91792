/*
 * Processes started for the node. Each has one owner thread while it runs: the thread of the connection that started it, which
 * stays with the process when the connection goes. Everything in a process is the owner's alone except what process_table.c
 * guards with its lock.
 */
#ifndef HOLT_PROCESS_H
#define HOLT_PROCESS_H

#include "connection.h"
#include "users.h"

#include <sys/types.h>

enum {
    START_TERMINAL = 1,
    START_INPUT = 2,
    PROCESS_STREAMS = 2,
    TAIL_MAXIMUM = 16 * 1024,
    ANNOTATION_MAXIMUM = 4 * 1024,
    ENDED_MAXIMUM = 256, /* ended processes kept for somebody to ask */
};

struct process_start {
    const char *cwd; /* clean and absolute */
    char **argv;     /* NULL-terminated */
    size_t argument_count;
    char **environment;
    size_t environment_count;
    uint8_t flags;
    uint16_t columns;
    uint16_t rows;
    struct bytes annotation;
};

/* What a stream said last while nobody listened. */
struct tail {
    unsigned char *data;
    size_t length;
};

void tail_append(struct tail *tail, const unsigned char *data, size_t length);

struct stream {
    int file; /* -1 at its end */
    enum frame_type type;
    size_t read_after_grace;
    struct tail tail;
};

enum process_phase { PROCESS_STARTING, PROCESS_RUNNING, PROCESS_ENDED };

struct process {
    /* Guarded by the table. */
    struct process *next;
    volatile pid_t pid; /* written by the kernel at the fork, see spawn() */
    uint64_t start_id;
    enum process_phase phase;
    int status;        /* of waitpid(2), once ended */
    bool owned;        /* a thread serves it */
    bool confirming;   /* EXIT was sent: gone for everybody else, unless sending turns out to have failed */
    uint64_t ended_order;
    struct connection *arriving; /* of an ATTACH, for the owner to take */
    bool detach_asked;
    uint32_t detach_seconds;
    bool drain_asked;  /* nobody will attach */
    int terminal;      /* the PTY's master for RESIZE, -1 without or once closed */
    unsigned char *annotation;
    size_t annotation_length;
    int wake;          /* eventfd(2) that the owner waits on */

    /* The owner's. */
    struct connection *connection;
    struct stream streams[PROCESS_STREAMS];
    int input; /* pipe or terminal, -1 when closed */
    bool is_terminal;
    bool has_pending_input;
    struct frame pending_input;
    size_t pending_written;
    struct buffer output; /* frames for the connection */
    size_t sent;          /* of output */
    bool exit_queued;
    bool detaching;    /* nothing more is read or received on this connection; its last frame is DETACHED */
    uint32_t kept;     /* for so many seconds more, while nobody is attached, output stays where it is */
};

/* What others want of the owner. */
struct process_news {
    struct connection *arrived; /* or NULL */
    bool ended;
    bool detach;
    uint32_t detach_seconds;
    bool drain;
};

/*
 * Starts a process, for process_serve() to be called with it next. NULL: it was not started, the error was answered and the
 * connection goes on (or is broken, which its next use shows).
 */
struct process *process_start(struct connection *connection, const struct user *user, const struct process_start *request);
/* Serves the process on this thread until its end was told, or until it ended with nobody attached. Takes the connection. */
void process_serve(struct process *process, struct connection *connection);
/* Hands the connection to the process's owner, or becomes it. True: the connection was taken. False: an error was answered. */
bool process_attach(struct connection *connection, uint32_t pid, uint64_t start_id);
bool process_list(struct connection *connection);
bool process_signal(struct connection *connection, uint32_t pid, uint32_t signal, bool group);
/* Has the process's connection ended in order, for its output to be kept for so many seconds. */
bool process_detach(struct connection *connection, uint32_t pid, uint64_t start_id, uint32_t seconds);
/* Has everything drained that is kept for somebody to attach. */
void process_drain_all(void);
bool process_resize(struct connection *connection, uint32_t pid, uint16_t columns, uint16_t rows);

/* Called by the reaper for every child that ended. Collects it, and tells its owner if it is one of ours. */
void process_collect(pid_t pid);

/* Between process.c, process_table.c and process_io.c. */

/* Adds a process that is about to be forked. False when there are too many to list in one frame. */
bool process_table_add(struct process *process);
void process_table_running(struct process *process);
void process_table_remove(struct process *process);
/* What the owner needs to know, told once. */
struct process_news process_table_look(struct process *process);
bool process_table_has_arrival(struct process *process);
void process_table_close_terminal(struct process *process);
/* The owner leaves an ended process to whoever asks. False when somebody just did: the owner must go on. */
bool process_table_disown(struct process *process);
/* EXIT is being confirmed, or that failed. */
void process_table_confirming(struct process *process, bool confirming);
/* EXIT was received: forgets the process, freeing it. False when somebody just attached. */
bool process_table_forget(struct process *process);
void process_free(struct process *process);

#endif
