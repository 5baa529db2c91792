/* The WATCH stream: inotify(7), made recursive. */
#ifndef HOLT_WATCH_H
#define HOLT_WATCH_H

#include "connection.h"

struct watch_request {
    const char *path; /* clean and absolute */
    bool recursive;
    bool entries;
    bool network;
};

/* Serves the watch until the connection or the directory goes. True: it could not be begun, the error was answered, and the connection goes on. */
bool watch_serve(struct connection *connection, const struct watch_request *request);

#endif
