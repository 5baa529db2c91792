/* Watches that were detached from their connection, until somebody takes them up or their time is over. */
#ifndef HOLT_WATCH_PARKING_H
#define HOLT_WATCH_PARKING_H

#include "connection.h"

struct watch_parking {
    struct watch_parking *next;
    uint64_t id;
    struct connection *arrived;
    bool over;
    int wake; /* eventfd(2) */
};

/* Gets an id, and can be taken up by it from now on unless `over` is set. False when that cannot be arranged. */
bool watch_park(struct watch_parking *parking, bool over);
/*
 * Waits for whoever takes the watch up: its connection, or NULL when nobody did for so many seconds. They are counted by waiting, not by a
 * clock, because clocks go on while a guest is suspended or a file.
 */
struct connection *watch_await_connection(struct watch_parking *parking, uint32_t seconds);

#endif
