/* The processes known, under one lock that is never held while anything waits. */
#include "process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LISTED_SIZE = 4 + 1 + 8 + 4, /* of one process in PROCESS_LIST, without its annotation */
    LIST_SIZE_MAXIMUM = FRAME_LENGTH_MAXIMUM - FRAME_HEADER_SIZE - 4,
};

static struct {
    pthread_mutex_t lock;
    struct process *first;
    uint64_t last_start_id;
    uint64_t last_ended_order;
    size_t list_size;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void wake(const struct process *process) { eventfd_write(process->wake, 1); }

/* A pid can stand for an ended process and a newer one at once; the one that has not ended is the one meant. */
static struct process *find_alive(pid_t pid) {
    for (struct process *process = table.first; process != NULL; process = process->next) {
        if (process->phase != PROCESS_ENDED && process->pid == pid) {
            return process;
        }
    }
    return NULL;
}

static void unlink_process(struct process *process) {
    struct process **link = &table.first;
    while (*link != process) {
        link = &(*link)->next;
    }
    *link = process->next;
    table.list_size -= LISTED_SIZE + process->annotation_length;
}

bool process_table_add(struct process *process) {
    pthread_mutex_lock(&table.lock);
    size_t size = LISTED_SIZE + process->annotation_length;
    bool fits = table.list_size + size <= LIST_SIZE_MAXIMUM;
    if (fits) {
        process->phase = PROCESS_STARTING;
        process->start_id = ++table.last_start_id;
        process->owned = true;
        process->next = table.first;
        table.first = process;
        table.list_size += size;
    }
    pthread_mutex_unlock(&table.lock);
    return fits;
}

void process_table_running(struct process *process) {
    pthread_mutex_lock(&table.lock);
    if (process->phase == PROCESS_STARTING) {
        process->phase = PROCESS_RUNNING;
    }
    pthread_mutex_unlock(&table.lock);
}

void process_table_remove(struct process *process) {
    pthread_mutex_lock(&table.lock);
    unlink_process(process);
    pthread_mutex_unlock(&table.lock);
    process_free(process);
}

struct process_news process_table_look(struct process *process) {
    pthread_mutex_lock(&table.lock);
    struct process_news news = {
        .arrived = process->arriving,
        .ended = process->phase == PROCESS_ENDED,
        .detach = process->detach_asked,
        .detach_seconds = process->detach_seconds,
        .drain = process->drain_asked,
    };
    process->arriving = NULL;
    process->detach_asked = false;
    process->drain_asked = false;
    if (news.arrived != NULL) {
        process->confirming = false;
    }
    pthread_mutex_unlock(&table.lock);
    return news;
}

static struct process *find(uint32_t pid, uint64_t start_id) {
    struct process *process = table.first;
    while (process != NULL && !(process->phase != PROCESS_STARTING && (uint32_t)process->pid == pid && process->start_id == start_id)) {
        process = process->next;
    }
    return process;
}

bool process_table_has_arrival(struct process *process) {
    pthread_mutex_lock(&table.lock);
    bool arrival = process->arriving != NULL;
    pthread_mutex_unlock(&table.lock);
    return arrival;
}

void process_table_close_terminal(struct process *process) {
    pthread_mutex_lock(&table.lock);
    process->terminal = -1;
    pthread_mutex_unlock(&table.lock);
}

/* Takes the oldest ended processes beyond ENDED_MAXIMUM that nobody serves out of the table. */
static struct process *take_surplus(void) {
    size_t count = 0;
    struct process *oldest = NULL;
    for (struct process *process = table.first; process != NULL; process = process->next) {
        if (process->phase == PROCESS_ENDED && !process->owned) {
            count++;
            oldest = oldest == NULL || process->ended_order < oldest->ended_order ? process : oldest;
        }
    }
    if (count <= ENDED_MAXIMUM) {
        return NULL;
    }
    unlink_process(oldest);
    return oldest;
}

bool process_table_disown(struct process *process) {
    pthread_mutex_lock(&table.lock);
    bool disowned = process->arriving == NULL;
    struct process *surplus = NULL;
    if (disowned) {
        process->owned = false;
        process->confirming = false;
        surplus = take_surplus();
    }
    pthread_mutex_unlock(&table.lock);
    if (surplus != NULL) {
        process_free(surplus);
    }
    return disowned;
}

void process_table_confirming(struct process *process, bool confirming) {
    pthread_mutex_lock(&table.lock);
    process->confirming = confirming;
    pthread_mutex_unlock(&table.lock);
}

bool process_table_forget(struct process *process) {
    pthread_mutex_lock(&table.lock);
    bool forgotten = process->arriving == NULL;
    if (forgotten) {
        unlink_process(process);
    }
    pthread_mutex_unlock(&table.lock);
    if (forgotten) {
        process_free(process);
    }
    return forgotten;
}

void process_collect(pid_t pid) {
    int status;
    pthread_mutex_lock(&table.lock);
    /* Collected under the lock: until then the pid cannot be given to another process, so that SIGNAL never hits a stranger. */
    if (waitpid(pid, &status, WNOHANG) == pid) {
        struct process *process = find_alive(pid);
        if (process != NULL) {
            process->phase = PROCESS_ENDED;
            process->status = status;
            process->ended_order = ++table.last_ended_order;
            wake(process);
        }
    }
    pthread_mutex_unlock(&table.lock);
}

bool process_attach(struct connection *connection, uint32_t pid, uint64_t start_id) {
    struct connection *replaced = NULL;
    bool become_owner = false;
    pthread_mutex_lock(&table.lock);
    struct process *process = find(pid, start_id);
    if (process != NULL && process->owned) {
        replaced = process->arriving;
        process->arriving = connection;
        wake(process);
    } else if (process != NULL) {
        process->owned = true;
        become_owner = true;
    }
    pthread_mutex_unlock(&table.lock);
    if (replaced != NULL) {
        connection_close(replaced);
    }
    if (become_owner) {
        process_serve(process, connection);
    }
    if (process == NULL) {
        char subject[16];
        snprintf(subject, sizeof subject, "%u", pid);
        connection_send_error(connection, ESRCH, "attach to process", subject);
    }
    return process != NULL;
}

bool process_list(struct connection *connection) {
    struct buffer *output = &connection->output;
    size_t start = frame_begin(output, FRAME_PROCESS_LIST);
    size_t count_at = output->length;
    uint32_t count = 0;
    put_u32(output, 0);
    pthread_mutex_lock(&table.lock);
    for (struct process *process = table.first; process != NULL; process = process->next) {
        if (process->phase != PROCESS_STARTING && !process->confirming) {
            put_u32(output, (uint32_t)process->pid);
            put_u8(output, process->phase == PROCESS_ENDED);
            put_u64(output, process->start_id);
            put_bytes(output, process->annotation, process->annotation_length);
            count++;
        }
    }
    pthread_mutex_unlock(&table.lock);
    patch_u32(output, count_at, count);
    frame_end(output, start);
    return connection_flush(connection);
}

static bool answer_about(struct connection *connection, int error, const char *what, uint32_t pid) {
    char subject[16];
    snprintf(subject, sizeof subject, "%u", pid);
    return error == 0 ? connection_send_ok(connection) : connection_send_error(connection, error, what, subject);
}

bool process_signal(struct connection *connection, uint32_t pid, uint32_t signal, bool group) {
    int error = signal < 1 || signal > 64 ? EINVAL : ESRCH;
    pthread_mutex_lock(&table.lock);
    struct process *process = find_alive((pid_t)pid);
    if (error != EINVAL && pid > 0 && process != NULL && process->phase == PROCESS_RUNNING) {
        error = kill(group ? -process->pid : process->pid, (int)signal) == 0 ? 0 : errno;
    }
    pthread_mutex_unlock(&table.lock);
    return answer_about(connection, error, "signal process", pid);
}

bool process_resize(struct connection *connection, uint32_t pid, uint16_t columns, uint16_t rows) {
    struct winsize size = {.ws_col = columns, .ws_row = rows};
    int error = ESRCH;
    pthread_mutex_lock(&table.lock);
    struct process *process = find_alive((pid_t)pid);
    if (pid > 0 && process != NULL && process->phase == PROCESS_RUNNING) {
        error = process->terminal < 0 ? ENOTTY : ioctl(process->terminal, TIOCSWINSZ, &size) == 0 ? 0 : errno;
    }
    pthread_mutex_unlock(&table.lock);
    return answer_about(connection, error, "resize the terminal of process", pid);
}

bool process_detach(struct connection *connection, uint32_t pid, uint64_t start_id, uint32_t seconds) {
    pthread_mutex_lock(&table.lock);
    struct process *process = find(pid, start_id);
    int error = process == NULL ? ESRCH : 0;
    if (process != NULL && process->owned) {
        process->detach_asked = true;
        process->detach_seconds = seconds;
        wake(process);
    }
    pthread_mutex_unlock(&table.lock);
    return answer_about(connection, error, "detach process", pid);
}

void process_drain_all(void) {
    pthread_mutex_lock(&table.lock);
    for (struct process *process = table.first; process != NULL; process = process->next) {
        if (process->owned) {
            process->drain_asked = true;
            wake(process);
        }
    }
    pthread_mutex_unlock(&table.lock);
}
