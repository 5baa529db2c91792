/* Text to a descriptor, without the third of the program that printf(3) would be. */
#ifndef HOLT_SUDO_PRINT_H
#define HOLT_SUDO_PRINT_H

/* Writes the strings one behind the other, up to a NULL. */
void print(int file, const char *first, ...) __attribute__((sentinel));

#endif
