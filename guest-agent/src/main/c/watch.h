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

/* Serves the watch to its end, detached times included. False: it could not be begun, the error was answered, and the connection goes on. */
bool watch_serve(struct connection *connection, const struct watch_request *request);
/* Hands the connection to a watch that is detached. False when there is none of that id. */
bool watch_take_up(struct connection *connection, uint64_t id);
/* Ends those that are detached. */
void watch_end_parked(void);

#endif
