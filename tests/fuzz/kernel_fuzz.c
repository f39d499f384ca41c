/* Random batches through the fan-out kernel under the address and undefined-behaviour sanitizers.
 *
 *     cc -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
 *        -I sync_classroom/relay tests/fuzz/kernel_fuzz.c -o kernel_fuzz && ./kernel_fuzz 600 [SEED]
 *
 * Every object the kernel is given is an allocation of its own, exactly as large as it says, freed
 * as soon as the call has returned; so a byte read or written beside it, or later, ends the run.
 * Numbers are drawn from the edges of what the records can hold, not from what Python would write.
 */

#include "kernel.c" /* first: it says which C library it needs */

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
        round_of(sender);
    kernel_free(sender);
    printf("kernel: %llu datagrams, nothing found\nDone %llu runs in %.0f second(s)\n",
           (unsigned long long)taken, (unsigned long long)rounds, seconds);
    return 0;
}
