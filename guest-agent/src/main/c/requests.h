/* The dialogue on one connection: HELLO, then requests, decoded here and carried out elsewhere. */
#ifndef HOLT_REQUESTS_H
#define HOLT_REQUESTS_H

#include "connection.h"

#include <pthread.h>

enum { BOOT_ID_DIGITS = 32 };

#define AGENT_VERSION "0.2.0"

struct agent {
    pthread_mutex_t lock; /* guards the token, which IDENTITY changes */
    unsigned char token[TOKEN_SIZE];
    char boot_id[BOOT_ID_DIGITS + 1];
};

/* Serves the connection, which it takes, until it ends. */
void requests_serve(struct agent *agent, struct connection *connection);

#endif
