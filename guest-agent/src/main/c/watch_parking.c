#include "watch_parking.h"
#include "watch.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TICK_MILLISECONDS = 1000 };

static struct {
    pthread_mutex_t lock;
    struct watch_parking *first;
    uint64_t last_id;
} parked = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool watch_park(struct watch_parking *parking, bool over) {
    *parking = (struct watch_parking){.over = over, .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (parking->wake < 0) {
        return false;
    }
    pthread_mutex_lock(&parked.lock);
    parking->id = ++parked.last_id;
    parking->next = parked.first;
    parked.first = parking;
    pthread_mutex_unlock(&parked.lock);
    return true;
}

static bool is_settled(const struct watch_parking *parking) {
    pthread_mutex_lock(&parked.lock);
    bool settled = parking->arrived != NULL || parking->over;
    pthread_mutex_unlock(&parked.lock);
    return settled;
}

struct connection *watch_await_connection(struct watch_parking *parking, uint32_t seconds) {
    for (uint32_t left = seconds; left > 0 && !is_settled(parking);) {
        struct pollfd waiting = {.fd = parking->wake, .events = POLLIN};
        if (poll(&waiting, 1, TICK_MILLISECONDS) == 0) {
            left--;
        }
    }
    pthread_mutex_lock(&parked.lock);
    struct watch_parking **link = &parked.first;
    while (*link != parking) {
        link = &(*link)->next;
    }
    *link = parking->next;
    pthread_mutex_unlock(&parked.lock);
    close(parking->wake);
    return parking->arrived;
}

bool watch_take_up(struct connection *connection, uint64_t id) {
    pthread_mutex_lock(&parked.lock);
    struct watch_parking *parking = parked.first;
    while (parking != NULL && parking->id != id) {
        parking = parking->next;
    }
    bool found = parking != NULL && parking->arrived == NULL && !parking->over;
    if (found) {
        parking->arrived = connection;
        eventfd_write(parking->wake, 1);
    }
    pthread_mutex_unlock(&parked.lock);
    return found;
}

void watch_end_parked(void) {
    pthread_mutex_lock(&parked.lock);
    for (struct watch_parking *parking = parked.first; parking != NULL; parking = parking->next) {
        parking->over = true;
        eventfd_write(parking->wake, 1);
    }
    pthread_mutex_unlock(&parked.lock);
}
