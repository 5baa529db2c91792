#include "print.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* One write(2), as long as it is short, so that it stays whole among what others write. */
void print(int file, const char *first, ...) {
    char text[4096 + 64];
    size_t length = 0;
    va_list strings;
    va_start(strings, first);
    for (const char *string = first; string != NULL; string = va_arg(strings, const char *)) {
        size_t left = sizeof text - length;
        size_t taken = strlen(string) < left ? strlen(string) : left;
        memcpy(text + length, string, taken);
        length += taken;
    }
    va_end(strings);
    for (size_t written = 0; written < length;) {
        ssize_t more = write(file, text + written, length - written);
        if (more < 0 && errno != EINTR) {
            return;
        }
        written += more > 0 ? (size_t)more : 0;
    }
}
