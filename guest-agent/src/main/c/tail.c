#include "process.h"

#include <stdlib.h>
#include <string.h>

void tail_append(struct tail *tail, const unsigned char *data, size_t length) {
    if (tail->data == NULL && (tail->data = malloc(TAIL_MAXIMUM)) == NULL) {
        return;
    }
    if (length > TAIL_MAXIMUM) {
        data += length - TAIL_MAXIMUM;
        length = TAIL_MAXIMUM;
    }
    if (tail->length + length > TAIL_MAXIMUM) {
        size_t surplus = tail->length + length - TAIL_MAXIMUM;
        memmove(tail->data, tail->data + surplus, tail->length - surplus);
        tail->length -= surplus;
    }
    memcpy(tail->data + tail->length, data, length);
    tail->length += length;
}
