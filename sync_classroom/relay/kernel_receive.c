/* The receiving side in C: `recvmmsg`, whose packet it is, `srtp_unprotect`, the RTP header; the same
 * contract as `PythonReader`.
 *
 * Python says which streams are known (an address and an SSRC), and reads everything else itself:
 * what is no media of a known stream is left exactly as it came.
 *
 * Lifetimes. A stream's entry holds the address of its SRTP session. Python keeps the session's
 * owner as long as the entry, and takes the entry away first. The socket's buffers and message
 * headers are Python's, and outlive the reader.
 *
 * Strangers choose what they claim to be, so a look-up must not be made slow by them: the table is
 * never more than half full, and where an entry lies in it depends on a secret.
 *
 * Compiled behind kernel.c, in one unit with it: the header has no guard, because cffi reads it, too.
 */

enum {
    MEDIA_HEADER = 12,         /* RFC 3550 5.1 */
    FIRST_TABLE = 64           /* entries; a power of two */
};

typedef int (*unprotect_function)(void *session, void *packet, int *length);
typedef int (*receive_function)(int fd, struct mmsghdr *messages, unsigned count, int flags,
                                struct timespec *timeout);

struct known {
    uint8_t key[KERNEL_KEY];   /* zeros behind an address that is shorter */
    uint32_t ssrc;
    void *srtp;                /* NULL: nobody */
    uint32_t stream;
    uint8_t level_id;
};

struct kernel_reader {
    int fd;
    uint32_t key_length;
    unprotect_function unprotect;
    receive_function receive;
    struct mmsghdr *messages;
    uint64_t secret;
    struct known *table;
    uint32_t size, used;
    struct kernel_arrival arrivals[KERNEL_RECEIVE];
};

struct kernel_reader *kernel_reader_new(int fd, uint32_t key_length, uint64_t messages,
                                        uint64_t recvmmsg, uint64_t unprotect, uint64_t secret)
{
    if (key_length > KERNEL_KEY)
        return NULL;
    struct kernel_reader *reader = calloc(1, sizeof *reader);
    struct known *table = calloc(FIRST_TABLE, sizeof *table);
    if (reader == NULL || table == NULL) {
        free(reader);
        free(table);
        return NULL;
    }
    reader->fd = fd;
    reader->key_length = key_length;
    reader->messages = (struct mmsghdr *)(uintptr_t)messages;
    reader->receive = (receive_function)(uintptr_t)recvmmsg;
    reader->unprotect = (unprotect_function)(uintptr_t)unprotect;
    reader->secret = secret;
    reader->table = table;
    reader->size = FIRST_TABLE;
    return reader;
}

void kernel_reader_free(struct kernel_reader *reader)
{
    free(reader->table);
    free(reader);
}

struct kernel_arrival *kernel_arrivals(struct kernel_reader *reader)
{
    return reader->arrivals;
}

/* ------------------------------------------------------------------ who is known */

static uint32_t home(const struct kernel_reader *reader, const uint8_t *key, uint32_t ssrc)
{
    uint64_t mixed = reader->secret ^ ssrc;
    for (uint32_t at = 0; at < KERNEL_KEY; at += 4) {
        uint32_t word;
        memcpy(&word, key + at, sizeof word);
        mixed = (mixed ^ word) * 0x9E3779B97F4A7C15u;
        mixed ^= mixed >> 29;
    }
    return (uint32_t)(mixed >> 32) & (reader->size - 1);
}

/* The entry, or the free place where it belongs. */
static struct known *place_of(const struct kernel_reader *reader, const uint8_t *key, uint32_t ssrc)
{
    uint32_t at = home(reader, key, ssrc);
    for (;; at = (at + 1) & (reader->size - 1)) {
        struct known *entry = &reader->table[at];
        if (entry->srtp == NULL
            || (entry->ssrc == ssrc && memcmp(entry->key, key, KERNEL_KEY) == 0))
            return entry;
    }
}

static int grow(struct kernel_reader *reader)
{
    struct known *old = reader->table;
    uint32_t size = reader->size;
    struct known *table = size > UINT32_MAX / 4 ? NULL : calloc((size_t)size * 2, sizeof *table);
    if (table == NULL)
        return -1;
    reader->table = table;
    reader->size = size * 2;
    for (uint32_t at = 0; at < size; at++)
        if (old[at].srtp != NULL)
            *place_of(reader, old[at].key, old[at].ssrc) = old[at];
    free(old);
    return 0;
}

int kernel_learn(struct kernel_reader *reader, const uint8_t *key, uint32_t ssrc, uint64_t srtp,
                 uint32_t level_id, uint32_t stream)
{
    uint8_t whole[KERNEL_KEY] = {0};
    memcpy(whole, key, reader->key_length);
    if (2 * (reader->used + 1) > reader->size && grow(reader))
        return -1;
    struct known *entry = place_of(reader, whole, ssrc);
    reader->used += entry->srtp == NULL;
    memcpy(entry->key, whole, KERNEL_KEY);
    entry->ssrc = ssrc;
    entry->srtp = (void *)(uintptr_t)srtp;
    entry->stream = stream;
    entry->level_id = (uint8_t)level_id;
    return 0;
}

void kernel_forget(struct kernel_reader *reader, const uint8_t *key, uint32_t ssrc)
{
    uint8_t whole[KERNEL_KEY] = {0};
    memcpy(whole, key, reader->key_length);
    struct known *gap = place_of(reader, whole, ssrc);
    if (gap->srtp == NULL)
        return;
    reader->used--;
    /* Whoever stands behind the gap and would not be found across it moves into it. */
    uint32_t mask = reader->size - 1, hole = (uint32_t)(gap - reader->table);
    for (uint32_t at = (hole + 1) & mask; reader->table[at].srtp != NULL; at = (at + 1) & mask) {
        const struct known *entry = &reader->table[at];
        uint32_t wanted = home(reader, entry->key, entry->ssrc);
        if (((at - wanted) & mask) >= ((at - hole) & mask)) {
            reader->table[hole] = *entry;
            hole = at;
        }
    }
    memset(&reader->table[hole], 0, sizeof reader->table[hole]);
}

/* ------------------------------------------------------------------ one datagram */

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static void take_level(struct kernel_arrival *arrival, const uint8_t *value, uint32_t length)
{
    arrival->levelled = length != 0;
    arrival->level = length ? value[0] : 0;
}

/* Elements of RFC 8285 4.2; -1 if one is cut short. */
static int read_one_byte(const uint8_t *block, uint32_t size, uint32_t wanted,
                         struct kernel_arrival *arrival)
{
    for (uint32_t at = 0; at < size;) {
        uint32_t first = block[at++];
        if (first == 0)
            continue;
        uint32_t number = first >> 4, length = (first & 15) + 1;
        if (number == 15)      /* reserved: stop reading here */
            return 0;
        if (length > size - at)
            return -1;
        if (number && number == wanted)
            take_level(arrival, block + at, length);
        at += length;
    }
    return 0;
}

/* Elements of RFC 8285 4.3; -1 if one is cut short. */
static int read_two_byte(const uint8_t *block, uint32_t size, uint32_t wanted,
                         struct kernel_arrival *arrival)
{
    for (uint32_t at = 0; at < size;) {
        uint32_t number = block[at++];
        if (number == 0)
            continue;
        if (at >= size || block[at] > size - at - 1)
            return -1;
        uint32_t length = block[at];
        if (number == wanted)
            take_level(arrival, block + at + 1, length);
        at += 1 + length;
    }
    return 0;
}

/* The header of a decrypted packet, as rtp.parse reads it; -1 if it is malformed. */
static int parse(const uint8_t *data, uint32_t size, uint32_t level_id,
                 struct kernel_arrival *arrival)
{
    uint32_t start = MEDIA_HEADER + 4 * (data[0] & 15u), end = size;
    if (size < MEDIA_HEADER || data[0] >> 6 != 2)
        return -1;
    if (data[0] & 0x10) {
        if (size < start + 4)
            return -1;
        uint32_t profile = get16(data + start), length = 4 * get16(data + start + 2);
        const uint8_t *block = data + start + 4;
        start += 4 + length;
        if (size < start)
            return -1;
        if (profile == 0xBEDE) {
            if (read_one_byte(block, length, level_id, arrival))
                return -1;
        } else if ((profile & 0xFFF0) == 0x1000) {
            if (read_two_byte(block, length, level_id, arrival))
                return -1;
        }
    }
    if (data[0] & 0x20) {
        if (data[size - 1] == 0 || data[size - 1] > size)
            return -1;
        end -= data[size - 1];
    }
    if (end < start || end - start > KERNEL_PAYLOAD)
        return -1;
    arrival->timestamp = get32(data + 4);
    arrival->sequence = (uint16_t)get16(data + 2);
    arrival->start = (uint16_t)start;
    arrival->end = (uint16_t)end;
    arrival->length = (uint16_t)size;
    arrival->payload_type = data[1] & 0x7F;
    arrival->marker = data[1] & 0x80;
    return 0;
}

static void read_datagram(const struct kernel_reader *reader, const struct mmsghdr *message,
                          struct kernel_arrival *arrival)
{
    uint8_t *data = message->msg_hdr.msg_iov->iov_base, key[KERNEL_KEY] = {0};
    memset(arrival, 0, sizeof *arrival);   /* KERNEL_OTHER */
    /* RTP by RFC 7983, and not RTCP by RFC 5761; what was cut off is Python's to count. */
    if (message->msg_hdr.msg_flags & MSG_TRUNC || message->msg_len < MEDIA_HEADER
        || data[0] >> 6 != 2 || (data[1] >= 192 && data[1] <= 223))
        return;
    memcpy(key, message->msg_hdr.msg_name, reader->key_length);
    const struct known *known = place_of(reader, key, get32(data + 8));
    if (known->srtp == NULL)
        return;
    int length = (int)message->msg_len;
    arrival->stream = known->stream;
    if (reader->unprotect(known->srtp, data, &length))
        arrival->found = KERNEL_REJECTED;
    else if (length < 0 || parse(data, (uint32_t)length, known->level_id, arrival))
        arrival->found = KERNEL_MALFORMED;
    else
        arrival->found = KERNEL_MEDIA;
}

int kernel_read(struct kernel_reader *reader)
{
    int count = reader->receive(reader->fd, reader->messages, KERNEL_RECEIVE, MSG_DONTWAIT, NULL);
    for (int place = 0; place < count; place++)
        read_datagram(reader, &reader->messages[place], &reader->arrivals[place]);
    return count < 0 ? 0 : count;   /* errors of earlier sends surface here; they are nobody's news */
}
