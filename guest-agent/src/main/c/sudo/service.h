/* The agent's part in `sudo` where the runtime ignores setuid: hands each caller to a monitor process. */
#ifndef HOLT_SUDO_SERVICE_H
#define HOLT_SUDO_SERVICE_H

#include <sys/types.h>

enum { SUDO_COMMANDS_MAXIMUM = 64 };

/* A thread's function: accepts callers for ever. */
void *sudo_service(void *ignored);
/* Called by the reaper for every child that was collected. */
void sudo_service_collected(pid_t pid);

#endif
