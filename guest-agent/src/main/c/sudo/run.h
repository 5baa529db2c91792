/* Runs the command of a request that was allowed, and stays with it until it has ended or its client has gone. */
#ifndef HOLT_SUDO_RUN_H
#define HOLT_SUDO_RUN_H

#include "command.h"
#include "request.h"

#include <sys/types.h>

struct sudo_run {
    int socket;
    int descriptors[SUDO_DESCRIPTORS]; /* the caller's */
    const struct sudo_request *request;
    const struct sudo_command *command;
    char **environment;
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
    const char *home;
};

/* Sends a frame of at most some KiB; false when the client cannot be reached. `descriptor` goes along unless it is -1. */
bool sudo_send(int socket, const struct buffer *frames, int descriptor);
/* The end of a request that starts nothing. */
_Noreturn void sudo_answer(int socket, uint8_t code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* For the leader of a session, with SIGCHLD blocked and every signal of a terminal ignored. */
_Noreturn void sudo_run(const struct sudo_run *run);

#endif
