/*
 * The wire format: decoding of a received payload and encoding of frames to send. PROTOCOL.md is the contract; nothing here
 * touches a descriptor, so that all of it can be fuzzed.
 */
#ifndef HOLT_FRAME_H
#define HOLT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_type {
    FRAME_HELLO = 0x01,
    FRAME_WELCOME = 0x02,
    FRAME_ERROR = 0x03,
    FRAME_OK = 0x04,
    FRAME_PING = 0x10,
    FRAME_USER = 0x11,
    FRAME_USER_INFO = 0x12,
    FRAME_STAT = 0x13,
    FRAME_ENTRY = 0x14,
    FRAME_MKDIR = 0x15,
    FRAME_MOVE = 0x16,
    FRAME_REMOVE = 0x17,
    FRAME_COMPOSE = 0x18,
    FRAME_METRICS = 0x19,
    FRAME_METRICS_INFO = 0x1a,
    FRAME_SYNC = 0x1b,
    FRAME_IDENTITY = 0x1c,
    FRAME_PROCESSES = 0x1d,
    FRAME_PROCESS_LIST = 0x1e,
    FRAME_SIGNAL = 0x1f,
    FRAME_RESIZE = 0x20,
    FRAME_DETACH = 0x21,
    FRAME_OPEN = 0x30,
    FRAME_RANGE = 0x31,
    FRAME_CLOSE = 0x32,
    FRAME_WRITE = 0x33,
    FRAME_LIST = 0x34,
    FRAME_WATCH = 0x35,
    FRAME_REWATCH = 0x36,
    FRAME_DATA = 0x40,
    FRAME_END = 0x41,
    FRAME_EVENT = 0x42,
    FRAME_START = 0x50,
    FRAME_STARTED = 0x51,
    FRAME_ATTACH = 0x52,
    FRAME_OUT = 0x53,
    FRAME_PTY = 0x54,
    FRAME_ERR = 0x55,
    FRAME_EXIT = 0x56,
    FRAME_STDIN = 0x57,
    FRAME_CLOSE_STDIN = 0x58,
    FRAME_INPUT_ACK = 0x59,
    FRAME_DETACHED = 0x5a,
};

enum {
    FRAME_HEADER_SIZE = 5,                /* u32 length, u8 type */
    FRAME_LENGTH_MAXIMUM = 1048576 + 64,  /* of type and payload together */
    FRAME_STREAM_MAXIMUM = 64 * 1024,     /* data in OUT, ERR, PTY, STDIN */
    FRAME_DATA_MAXIMUM = 256 * 1024,      /* data in DATA */
    LIST_MAXIMUM = 4096,                  /* arguments, variables, sources, attributes */
    PATH_BYTES_MAXIMUM = 64 * 1024,
    PROTOCOL_VERSION = 2,
    TOKEN_SIZE = 32,
};

#define PROTOCOL_MAGIC 0x484f4c54u

/* Bytes inside a received payload. */
struct bytes {
    const unsigned char *data;
    size_t length;
};

/*
 * Decoder of one payload. Any shortage, surplus or forbidden byte sets `bad` and makes every later read return zero, so that a
 * decoder reads all fields and asks once, with reader_done().
 */
struct reader {
    unsigned char *next;
    unsigned char *end;
    bool bad;
};

void reader_init(struct reader *reader, unsigned char *payload, size_t length);
uint8_t read_u8(struct reader *reader);
bool read_bool(struct reader *reader);
uint16_t read_u16(struct reader *reader);
uint32_t read_u32(struct reader *reader);
uint64_t read_u64(struct reader *reader);
struct bytes read_bytes(struct reader *reader);
/* Raw bytes without a length in front of them. */
struct bytes read_raw(struct reader *reader, size_t length);
/*
 * A terminated string that lies inside the payload buffer: it is moved one byte down, over its own length field, which makes
 * room for the terminator without a copy. Never NULL; "" when bad.
 */
const char *read_string(struct reader *reader);
/* The same with the length limit of a path. */
const char *read_path(struct reader *reader);
/* The count of a list whose items take at least `item_minimum` bytes each: bad when the payload cannot hold so many. */
uint32_t read_count(struct reader *reader, size_t item_minimum);
/* How many bytes are left; 0 when bad. */
size_t reader_left(const struct reader *reader);
/* True when everything was well-formed and nothing is left. */
bool reader_done(const struct reader *reader);

/* A growing byte buffer that frames are built in. An allocation failure sets `failed`; later writes do nothing. */
struct buffer {
    unsigned char *data;
    size_t length;
    size_t capacity;
    bool failed;
};

void buffer_free(struct buffer *buffer);
/* Makes room for `more` bytes behind `length`; false (and failed) when there is no memory. */
bool buffer_reserve(struct buffer *buffer, size_t more);
void put_u8(struct buffer *buffer, uint8_t value);
void put_u16(struct buffer *buffer, uint16_t value);
void put_u32(struct buffer *buffer, uint32_t value);
void put_u64(struct buffer *buffer, uint64_t value);
void put_raw(struct buffer *buffer, const void *data, size_t length);
void put_bytes(struct buffer *buffer, const void *data, size_t length);
void put_string(struct buffer *buffer, const char *text);
/* Begins a frame and returns where, for frame_end(), which fills the length in. */
size_t frame_begin(struct buffer *buffer, enum frame_type type);
void frame_end(struct buffer *buffer, size_t start);
/* Writes header of a frame with a payload of `payload_length` bytes that follows by other means. */
void frame_header(unsigned char header[FRAME_HEADER_SIZE], enum frame_type type, size_t payload_length);
uint32_t decode_u32(const unsigned char *bytes);
/* Overwrites an integer that was put earlier. */
void patch_u32(struct buffer *buffer, size_t at, uint32_t value);

#endif
