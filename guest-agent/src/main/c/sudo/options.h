/* The command line of sudo(8). */
#ifndef HOLT_SUDO_OPTIONS_H
#define HOLT_SUDO_OPTIONS_H

#include "request.h"

enum options_result {
    OPTIONS_RUN,     /* the request is to be sent */
    OPTIONS_DONE,    /* nothing is left to do: -h, -V, -k without a command */
    OPTIONS_MISTAKE, /* told on stderr */
};

/* Fills the request but its environment and signals; what it points to lies in `argv` or is never freed. */
enum options_result options_parse(int argc, char **argv, struct sudo_request *request);

#endif
