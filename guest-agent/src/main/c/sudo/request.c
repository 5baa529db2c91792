#include "request.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void put_strings(struct buffer *buffer, const struct strings *strings) {
    put_u32(buffer, (uint32_t)strings->count);
    for (size_t i = 0; i < strings->count; i++) {
        put_string(buffer, strings->items[i]);
    }
}

void sudo_request_encode(struct buffer *buffer, const struct sudo_request *request) {
    size_t start = frame_begin(buffer, (enum frame_type)SUDO_REQUEST);
    put_u8(buffer, request->flags);
    put_u32(buffer, request->umask);
    put_u64(buffer, request->ignored_signals);
    put_string(buffer, request->user);
    put_string(buffer, request->group);
    put_string(buffer, request->directory);
    put_strings(buffer, &request->preserved);
    put_strings(buffer, &request->assigned);
    put_strings(buffer, &request->arguments);
    put_strings(buffer, &request->environment);
    frame_end(buffer, start);
}

/* More items than read_count() allows: arguments are often the names of all files of a directory. */
static struct strings read_strings(struct reader *reader) {
    struct strings strings = {0};
    size_t count = read_u32(reader);
    if (reader->bad || count > (size_t)(reader->end - reader->next) / 4 ||
        (strings.items = calloc(count + 1, sizeof *strings.items)) == NULL) {
        reader->bad = true;
        return strings;
    }
    for (; strings.count < count && !reader->bad; strings.count++) {
        strings.items[strings.count] = (char *)read_string(reader);
    }
    return strings;
}

bool sudo_request_decode(struct sudo_request *request, unsigned char *payload, size_t length) {
    struct reader reader;
    reader_init(&reader, payload, length);
    *request = (struct sudo_request){0};
    request->flags = read_u8(&reader);
    request->umask = read_u32(&reader);
    request->ignored_signals = read_u64(&reader);
    request->user = read_string(&reader);
    request->group = read_string(&reader);
    request->directory = read_path(&reader);
    request->preserved = read_strings(&reader);
    request->assigned = read_strings(&reader);
    request->arguments = read_strings(&reader);
    request->environment = read_strings(&reader);
    if (!reader_done(&reader) || request->umask > 0777) {
        return false;
    }
    for (size_t i = 0; i < request->assigned.count; i++) {
        if (strchr(request->assigned.items[i], '=') == NULL) {
            return false;
        }
    }
    return request->arguments.count > 0 || (request->flags & (SUDO_LOGIN | SUDO_SHELL | SUDO_LIST | SUDO_VALIDATE)) != 0;
}

void sudo_request_free(struct sudo_request *request) {
    free(request->preserved.items);
    free(request->assigned.items);
    free(request->arguments.items);
    free(request->environment.items);
    *request = (struct sudo_request){0};
}

socklen_t sudo_address(struct sockaddr_un *address) {
    static const char name[] = "holt-sudo";
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path + 1, name, sizeof name - 1);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof name);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
struct cmsghdr *sudo_next_control(struct msghdr *message, struct cmsghdr *header) { return CMSG_NXTHDR(message, header); }
#pragma GCC diagnostic pop
