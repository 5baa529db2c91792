/* Requests about the guest as a whole: METRICS, SYNC, IDENTITY. */
#ifndef HOLT_MACHINE_H
#define HOLT_MACHINE_H

#include "connection.h"

bool machine_metrics(struct connection *connection, const char *path);
bool machine_sync(struct connection *connection);
bool machine_identity(struct connection *connection, const char *hostname, int64_t nanoseconds, struct bytes entropy);
/* Raises the loopback interface if it is down; without it nothing in the guest can talk to itself. 0 or an errno. */
int machine_raise_loopback(void);

#endif
