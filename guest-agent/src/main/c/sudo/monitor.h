/* The root process that carries out one sudo: a program start of its own, so that nothing a caller sends is read by process 1. */
#ifndef HOLT_SUDO_MONITOR_H
#define HOLT_SUDO_MONITOR_H

/* The argument that makes the agent's binary a monitor; its descriptor 0 is the client's socket. */
#define SUDO_MONITOR_ARGUMENT "sudo-monitor"

_Noreturn void sudo_monitor(void);

#endif
