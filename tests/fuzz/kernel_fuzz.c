/* Random batches through the packet kernel under the address and undefined-behaviour sanitizers.
 *
 *     cc -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
 *        -I sync_classroom/relay tests/fuzz/kernel_fuzz.c -o kernel_fuzz && ./kernel_fuzz 600 [SEED]
 *
 * Every object the kernel is given is an allocation of its own, exactly as large as it says, freed
 * as soon as the call has returned; so a byte read or written beside it, or later, ends the run.
 * Numbers are drawn from the edges of what the records can hold, not from what Python would write.
 * The reader's table is compared with a plain list of who is known.
 */

#include "kernel.c" /* first: it says which C library it needs */
#include "kernel_receive.c"

#include <assert.h>
#include <stdio.h>
#include <time.h>

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return below ? (uint32_t)(seed >> 32) % below : 0;
}

static uint32_t often_small(uint32_t most)
{
    return draw(8) ? draw(most < 40 ? most + 1 : 40) : draw(most + 1);
}

/* Instead of libsrtp: refuses now and then, else checks the header and writes the trailer. */
static int protect(void *session, void *packet, int *length)
{
    uint8_t *bytes = packet;
    assert(*(const uint32_t *)session == 0x5e551017);
    assert(*length >= HEADER && *length + KERNEL_TRAILER <= KERNEL_SLOT);
    assert(bytes[0] == 0x80 || bytes[0] == 0x90);
    if (draw(50) == 0)
        return 1;
    memset(bytes + *length, 0xEE, KERNEL_TRAILER);
    *length += 16;
    return 0;
}

static uint64_t taken;

/* Instead of the system: reads everything it is given, takes some, refuses some. */
static int take(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    static const int errors[] = {EAGAIN, ENOBUFS, EINVAL, EIO, EMSGSIZE, EPERM, EINTR, EOPNOTSUPP};
    (void)fd, (void)flags;
    assert(count > 0 && count <= KERNEL_BATCH);
    if (draw(6) == 0) {
        errno = errors[draw(sizeof errors / sizeof *errors)];
        return -1;
    }
    unsigned some = draw(4) ? count : 1 + draw(count);
    for (unsigned n = 0; n < some; n++) {
        const struct msghdr *header = &messages[n].msg_hdr;
        size_t size = header->msg_iov[0].iov_len, total = 0;
        assert(((const uint8_t *)header->msg_name)[0] == 2);
        for (size_t part = 0; part < header->msg_iovlen; part++) {
            const uint8_t *bytes = header->msg_iov[part].iov_base;
            size_t length = header->msg_iov[part].iov_len;
            assert(length <= KERNEL_SLOT && bytes[0] >> 6 == 2 && bytes[length - 1] == 0xEE);
            assert(part + 1 == header->msg_iovlen ? length <= size : length == size);
            total += length;
        }
        assert(total <= 65507);
        taken += header->msg_iovlen;
    }
    return (int)some;
}

static struct kernel_block block(void)
{
    struct kernel_block made = {.length = (uint8_t)draw(KERNEL_EXTENSIONS + 1)};
    if (made.length >= 8) {
        made.time_at = (uint8_t)(draw(2) * (1 + draw(made.length - 4u)));
        made.level_at = (uint8_t)(draw(2) * (1 + draw(made.length - 1u)));
    }
    return made;
}

static void round_of(struct kernel_sender *sender)
{
    enum { PACKETS = 40, JOBS = 60 };
    uint32_t packets = 1 + draw(PACKETS), jobs = 1 + draw(JOBS);
    uint32_t whole = draw(2) ? packets : 0;
    struct kernel_packet *table = calloc(packets, sizeof *table);
    struct kernel_job *records = calloc(jobs, sizeof *records);
    void *held[2 * PACKETS + 3 * JOBS];
    uint32_t holding = 0;
    for (uint32_t n = 0; n < packets; n++) {
        struct kernel_packet *packet = &table[n];
        packet->length = often_small(KERNEL_SLOT + 10);
        uint8_t *payload = malloc(packet->length);
        memset(payload, 0x11, packet->length);
        held[holding++] = payload;
        packet->payload = (uintptr_t)payload;
        packet->timestamp = draw(UINT32_MAX);
        packet->send_time = draw(1 << 24);
        packet->sequence = (uint16_t)draw(1 << 16);
        packet->picture_at = draw(2) ? KERNEL_ABSENT : (uint16_t)often_small(KERNEL_ABSENT);
        packet->picture_id = (uint16_t)draw(1 << 16);
        packet->tl0_at = draw(2) ? KERNEL_ABSENT : (uint16_t)often_small(KERNEL_ABSENT);
        packet->tl0 = (uint8_t)draw(256);
        packet->long_picture = (uint8_t)draw(2);
        packet->marker = draw(2) ? 0x80 : 0;
        packet->levelled = (uint8_t)draw(2);
        packet->level = (uint8_t)draw(256);
    }
    for (uint32_t n = 0; n < jobs; n++) {
        struct kernel_job *job = &records[n];
        uint32_t *session = malloc(sizeof *session);
        uint8_t *name = calloc(1, sizeof(struct sockaddr_in));
        struct kernel_shape *shape = malloc(sizeof *shape);
        *session = 0x5e551017;
        name[0] = 2;
        shape->plain = block();
        shape->levelled = block();
        held[holding++] = session;
        held[holding++] = name;
        held[holding++] = shape;
        job->srtp = (uintptr_t)session;
        job->name = (uintptr_t)name;
        job->shape = (uintptr_t)shape;
        job->ssrc = draw(UINT32_MAX);
        job->timestamp_shift = draw(UINT32_MAX);
        job->first = draw(packets);
        job->count = draw(packets - job->first + 1);
        job->sequence_shift = (uint16_t)draw(1 << 16);
        job->picture_shift = (uint16_t)(draw(2) * draw(1 << 15));
        job->tl0_shift = (uint8_t)(draw(2) * draw(256));
        job->payload_type = (uint8_t)draw(128);
    }
    struct kernel_state *state = kernel_state(sender);
    state->next.job = state->next.packet = 0;
    for (;;) {
        int result = kernel_forward(sender, table, records, jobs, whole);
        for (uint32_t n = 0; n < state->failures; n++) {
            assert(state->failed[n].job < jobs);
            assert(state->failed[n].packet < (whole ? whole : records[state->failed[n].job].count));
        }
        state->failures = 0;
        if (result == KERNEL_DONE)
            break;
        if (result == KERNEL_BLOCKED) {
            assert(state->first < state->used && state->used <= KERNEL_BATCH);
            for (uint32_t place = state->first; place < state->used; place++)
                assert(state->places[place].job < jobs && state->lengths[place] <= KERNEL_SLOT);
            state->used = 0;
        }
    }
    assert(state->used == 0);
    if (draw(100) == 0)
        state->max_run = MAX_RUN;
    while (holding)
        free(held[--holding]);
    free(table);
    free(records);
}

/* ------------------------------------------------------------------ receiving */

enum { KEYS = 12, SSRCS = 6, SESSIONS = KEYS * SSRCS };

static struct mmsghdr incoming[KERNEL_RECEIVE];
static struct iovec incoming_vectors[KERNEL_RECEIVE];
static uint8_t *incoming_names[KERNEL_RECEIVE];
static uint32_t *sessions[SESSIONS];   /* of who is known; NULL: nobody */
static uint64_t decrypted;

/* Instead of libsrtp: refuses now and then, takes the trailer off, turns the header's bits over. */
static int unprotect(void *session, void *packet, int *length)
{
    assert(*(const uint32_t *)session == 0x5e551018);
    assert(*length >= MEDIA_HEADER && *length <= KERNEL_SLOT);
    if (draw(10) == 0)
        return 1;
    uint8_t *bytes = packet;
    if (draw(3) == 0)
        bytes[0] ^= (uint8_t)(1 << draw(8));
    if (*length > MEDIA_HEADER)
        *length -= (int)draw((uint32_t)*length - MEDIA_HEADER + 1);
    decrypted++;
    return 0;
}

static void draw_key(uint8_t *key, uint32_t key_length, uint32_t which)
{
    memset(key, 0, key_length);
    key[0] = 2;
    key[key_length - 1] = (uint8_t)which;
}

/* Instead of the system: datagrams of known and unknown peers, whose buffers end where they do. */
static int receive(int fd, struct mmsghdr *messages, unsigned count, int flags,
                   struct timespec *timeout)
{
    (void)fd, (void)flags;
    assert(count == KERNEL_RECEIVE && timeout == NULL);
    if (draw(20) == 0)
        return -1;
    unsigned some = draw(count + 1);
    for (unsigned n = 0; n < some; n++) {
        uint32_t length = often_small(draw(4) ? 200 : KERNEL_SLOT);
        uint8_t *data = malloc(length + !length);
        for (uint32_t at = 0; at < length; at++)
            data[at] = (uint8_t)draw(256);
        if (length >= MEDIA_HEADER && draw(8)) {
            data[0] = (uint8_t)(0x80 | draw(64));
            put32(data + 8, draw(SSRCS + 1));
            uint32_t block = MEDIA_HEADER + 4 * (data[0] & 15u);
            if (length >= block + 4 && draw(4)) {
                put16(data + block, draw(2) ? 0xBEDE : 0x1000 | draw(16));
                put16(data + block + 2, draw(2) ? draw(8) : (length - block - 4) / 4);
            }
        }
        free(incoming_vectors[n].iov_base);
        incoming_vectors[n].iov_base = data;
        draw_key(messages[n].msg_hdr.msg_name, 8, draw(KEYS + 1));
        messages[n].msg_hdr.msg_flags = draw(30) ? 0 : MSG_TRUNC;
        messages[n].msg_len = length;
    }
    return (int)some;
}

static void read_some(struct kernel_reader *reader)
{
    int count = kernel_read(reader);
    assert(count >= 0 && count <= KERNEL_RECEIVE);
    for (int n = 0; n < count; n++) {
        const struct kernel_arrival *arrival = &kernel_arrivals(reader)[n];
        const uint8_t *name = incoming[n].msg_hdr.msg_name, *data = incoming_vectors[n].iov_base;
        uint32_t length = incoming[n].msg_len, ssrc = length >= MEDIA_HEADER ? get32(data + 8) : 0;
        if (arrival->found == KERNEL_OTHER)
            assert(length < MEDIA_HEADER || incoming[n].msg_hdr.msg_flags || data[0] >> 6 != 2
                   || (data[1] >= 192 && data[1] <= 223) || name[7] == KEYS || ssrc >= SSRCS
                   || sessions[name[7] * SSRCS + ssrc] == NULL);
        else
            assert(sessions[arrival->stream] && arrival->stream == name[7] * SSRCS + ssrc);
        if (arrival->found == KERNEL_MEDIA)
            assert(arrival->start <= arrival->end && arrival->end <= arrival->length
                   && arrival->length <= length
                   && arrival->end - arrival->start <= KERNEL_PAYLOAD);
    }
}

static void come_and_go(struct kernel_reader *reader)
{
    uint32_t which = draw(SESSIONS), ssrc = which % SSRCS;
    uint8_t key[8];
    draw_key(key, sizeof key, which / SSRCS);
    if (draw(2)) {
        uint32_t *session = malloc(sizeof *session);
        *session = 0x5e551018;
        assert(kernel_learn(reader, key, ssrc, (uintptr_t)session, draw(16), which) == 0);
        free(sessions[which]);
        sessions[which] = session;
    } else {
        kernel_forget(reader, key, ssrc);
        free(sessions[which]);
        sessions[which] = NULL;
    }
}

static void reading_round(void)
{
    for (uint32_t n = 0; n < KERNEL_RECEIVE; n++) {
        incoming_names[n] = calloc(1, sizeof(struct sockaddr_in));
        incoming_vectors[n] = (struct iovec){malloc(1), 1};
        incoming[n].msg_hdr = (struct msghdr){.msg_iov = &incoming_vectors[n], .msg_iovlen = 1,
                                              .msg_name = incoming_names[n]};
    }
    struct kernel_reader *reader = kernel_reader_new(-1, 8, (uintptr_t)incoming,
                                                     (uintptr_t)receive, (uintptr_t)unprotect,
                                                     (uint64_t)draw(UINT32_MAX) << 32);
    for (uint32_t turn = draw(200); turn; turn--) {
        for (uint32_t change = draw(20); change; change--)
            come_and_go(reader);
        read_some(reader);
    }
    kernel_reader_free(reader);
    for (uint32_t n = 0; n < SESSIONS; n++) {
        free(sessions[n]);
        sessions[n] = NULL;
    }
    for (uint32_t n = 0; n < KERNEL_RECEIVE; n++) {
        free(incoming_names[n]);
        free(incoming_vectors[n].iov_base);
    }
}

int main(int count, char **arguments)
{
    double seconds = count > 1 ? atof(arguments[1]) : 10;
    seed = count > 2 ? strtoull(arguments[2], NULL, 10) : (uint64_t)time(NULL);
    printf("kernel: seed %llu, %.0f s\n", (unsigned long long)seed, seconds);
    fflush(stdout);
    seed = seed * 0x9E3779B97F4A7C15 | 1;
    struct kernel_sender *sender = kernel_new(-1, sizeof(struct sockaddr_in),
                                              (uintptr_t)protect, (uintptr_t)take);
    uint64_t rounds = 0;
    for (time_t end = time(NULL) + (time_t)seconds; time(NULL) < end; rounds++)
        if (draw(50))
            round_of(sender);
        else
            reading_round();
    kernel_free(sender);
    printf("kernel: %llu datagrams out, %llu in, nothing found\nDone %llu runs in %.0f second(s)\n",
           (unsigned long long)taken, (unsigned long long)decrypted, (unsigned long long)rounds,
           seconds);
    return 0;
}
