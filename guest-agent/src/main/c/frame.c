#include "frame.h"

#include <stdlib.h>
#include <string.h>

void reader_init(struct reader *reader, unsigned char *payload, size_t length) {
    reader->next = payload;
    reader->end = payload + length;
    reader->bad = false;
}

/* Moves over `length` bytes and returns where they start, or NULL when there are not so many. */
static unsigned char *take(struct reader *reader, size_t length) {
    if (reader->bad || (size_t)(reader->end - reader->next) < length) {
        reader->bad = true;
        return NULL;
    }
    unsigned char *taken = reader->next;
    reader->next += length;
    return taken;
}

static uint64_t read_integer(struct reader *reader, size_t width) {
    const unsigned char *taken = take(reader, width);
    uint64_t value = 0;
    for (size_t i = 0; taken != NULL && i < width; i++) {
        value = value << 8 | taken[i];
    }
    return value;
}

uint8_t read_u8(struct reader *reader) { return (uint8_t)read_integer(reader, 1); }
uint16_t read_u16(struct reader *reader) { return (uint16_t)read_integer(reader, 2); }
uint32_t read_u32(struct reader *reader) { return (uint32_t)read_integer(reader, 4); }
uint64_t read_u64(struct reader *reader) { return read_integer(reader, 8); }

bool read_bool(struct reader *reader) {
    uint8_t value = read_u8(reader);
    if (value > 1) {
        reader->bad = true;
    }
    return value == 1;
}

struct bytes read_raw(struct reader *reader, size_t length) {
    const unsigned char *taken = take(reader, length);
    return (struct bytes){taken, taken == NULL ? 0 : length};
}

struct bytes read_bytes(struct reader *reader) { return read_raw(reader, read_u32(reader)); }

const char *read_string(struct reader *reader) {
    uint32_t length = read_u32(reader);
    unsigned char *taken = take(reader, length);
    if (taken == NULL || memchr(taken, 0, length) != NULL) {
        reader->bad = true;
        return "";
    }
    unsigned char *text = taken - 1;
    memmove(text, taken, length);
    text[length] = 0;
    return (const char *)text;
}

const char *read_path(struct reader *reader) {
    const char *path = read_string(reader);
    if (strlen(path) > PATH_BYTES_MAXIMUM) {
        reader->bad = true;
        return "";
    }
    return path;
}

uint32_t read_count(struct reader *reader, size_t item_minimum) {
    uint32_t count = read_u32(reader);
    if (reader->bad || count > LIST_MAXIMUM || count > (size_t)(reader->end - reader->next) / item_minimum) {
        reader->bad = true;
        return 0;
    }
    return count;
}

size_t reader_left(const struct reader *reader) { return reader->bad ? 0 : (size_t)(reader->end - reader->next); }

bool reader_done(const struct reader *reader) { return !reader->bad && reader->next == reader->end; }

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}

bool buffer_reserve(struct buffer *buffer, size_t more) {
    if (buffer->failed || more > SIZE_MAX / 4 || buffer->length > SIZE_MAX / 4) {
        buffer->failed = true;
        return false;
    }
    size_t needed = buffer->length + more;
    if (needed <= buffer->capacity) {
        return true;
    }
    size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    unsigned char *data = realloc(buffer->data, capacity);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void put_raw(struct buffer *buffer, const void *data, size_t length) {
    if (length > 0 && buffer_reserve(buffer, length)) {
        memcpy(buffer->data + buffer->length, data, length);
        buffer->length += length;
    }
}

static void put_integer(struct buffer *buffer, uint64_t value, size_t width) {
    unsigned char encoded[8];
    for (size_t i = 0; i < width; i++) {
        encoded[i] = (unsigned char)(value >> (8 * (width - 1 - i)));
    }
    put_raw(buffer, encoded, width);
}

void put_u8(struct buffer *buffer, uint8_t value) { put_integer(buffer, value, 1); }
void put_u16(struct buffer *buffer, uint16_t value) { put_integer(buffer, value, 2); }
void put_u32(struct buffer *buffer, uint32_t value) { put_integer(buffer, value, 4); }
void put_u64(struct buffer *buffer, uint64_t value) { put_integer(buffer, value, 8); }

void put_bytes(struct buffer *buffer, const void *data, size_t length) {
    put_u32(buffer, (uint32_t)length);
    put_raw(buffer, data, length);
}

void put_string(struct buffer *buffer, const char *text) { put_bytes(buffer, text, strlen(text)); }

void patch_u32(struct buffer *buffer, size_t at, uint32_t value) {
    if (!buffer->failed) {
        for (size_t i = 0; i < 4; i++) {
            buffer->data[at + i] = (unsigned char)(value >> (8 * (3 - i)));
        }
    }
}

size_t frame_begin(struct buffer *buffer, enum frame_type type) {
    size_t start = buffer->length;
    put_u32(buffer, 0);
    put_u8(buffer, (uint8_t)type);
    return start;
}

void frame_end(struct buffer *buffer, size_t start) { patch_u32(buffer, start, (uint32_t)(buffer->length - start - 4)); }

void frame_header(unsigned char header[FRAME_HEADER_SIZE], enum frame_type type, size_t payload_length) {
    uint32_t length = (uint32_t)payload_length + 1;
    for (size_t i = 0; i < 4; i++) {
        header[i] = (unsigned char)(length >> (8 * (3 - i)));
    }
    header[4] = (unsigned char)type;
}

uint32_t decode_u32(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}
