/* The fan-out in C: copy, rewrite, protect, send; the same contract as `PythonFanOut`.
 *
 * Lifetimes. A call is given records that hold addresses: payloads, SRTP sessions, socket names,
 * shapes. All of them belong to Python objects that the caller keeps alive until the call returns;
 * nothing here keeps an address beyond it. What is left in the buffers when the socket blocks are
 * finished datagrams and the numbers of their jobs, so a receiver may leave between two calls, and
 * also between the call that blocked and the one that goes on with the rest, as long as the records
 * of the batch are still held.
 *
 * It links against nothing: `srtp_protect` of the libsrtp that made the sessions is passed in.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "kernel.h"

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103        /* linux/udp.h */
#endif

enum {
    HEADER = 12,               /* RFC 3550 5.1 */
    MAX_RUN = 30               /* as udp.MAX_RUN: the kernel takes 64 datagrams and 64 kB */
};

typedef int (*protect_function)(void *session, void *packet, int *length);
typedef int (*send_function)(int fd, struct mmsghdr *messages, unsigned count, int flags);

union segment {                /* a control message with one uint16_t, aligned as it must be */
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
};

struct kernel_sender {
    struct kernel_state state;
    int fd;
    uint32_t name_length;
    protect_function protect;
    send_function send;
    const void *names[KERNEL_BATCH];
    uint32_t starts[KERNEL_BATCH + 1];   /* message n is datagrams [starts[n], starts[n + 1]) */
    struct iovec vectors[KERNEL_BATCH];
    struct mmsghdr messages[KERNEL_BATCH];
    union segment segments[KERNEL_BATCH];
    uint8_t memory[KERNEL_BATCH * KERNEL_SLOT];
};

struct kernel_sender *kernel_new(int fd, uint32_t name_length, uint64_t protect, uint64_t sendmmsg)
{
    struct kernel_sender *sender = calloc(1, sizeof *sender);
    if (sender == NULL)
        return NULL;
    sender->fd = fd;
    sender->name_length = name_length;
    sender->protect = (protect_function)(uintptr_t)protect;
    sender->send = (send_function)(uintptr_t)sendmmsg;
    sender->state.max_run = MAX_RUN;
    for (uint32_t place = 0; place < KERNEL_BATCH; place++)
        sender->vectors[place].iov_base = sender->memory + (size_t)place * KERNEL_SLOT;
    return sender;
}

void kernel_free(struct kernel_sender *sender)
{
    free(sender);
}

struct kernel_state *kernel_state(struct kernel_sender *sender)
{
    return &sender->state;
}

uint8_t *kernel_memory(struct kernel_sender *sender)
{
    return sender->memory;
}

/* ------------------------------------------------------------------ one datagram */

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

/* VP8's running numbers (RFC 7741 4.2), each in the width it came in. */
static void shift_vp8(uint8_t *payload, const struct kernel_packet *packet,
                      const struct kernel_job *job)
{
    if (packet->picture_at != KERNEL_ABSENT) {
        uint32_t value = (uint32_t)packet->picture_id + job->picture_shift;
        if (packet->long_picture)
            put16(payload + packet->picture_at, (value & 0x7FFF) | 0x8000);
        else
            payload[packet->picture_at] = value & 0x7F;
    }
    if (packet->tl0_at != KERNEL_ABSENT)
        payload[packet->tl0_at] = (uint8_t)(packet->tl0 + job->tl0_shift);
}

/* Whether the offsets of a packet lie in its payload, and all of it in a slot. */
static int fits(const struct kernel_packet *packet, const struct kernel_block *block)
{
    uint32_t picture_end = packet->picture_at == KERNEL_ABSENT
                               ? 0
                               : packet->picture_at + (packet->long_picture ? 2u : 1u);
    uint32_t tl0_end = packet->tl0_at == KERNEL_ABSENT ? 0 : packet->tl0_at + 1u;
    return packet->length <= KERNEL_SLOT
           && HEADER + block->length + packet->length + KERNEL_TRAILER <= KERNEL_SLOT
           && picture_end <= packet->length && tl0_end <= packet->length;
}

/* Write and protect a packet; its length, or 0 if that failed. */
static uint32_t write_datagram(const struct kernel_sender *sender, uint8_t *out,
                               const struct kernel_packet *packet, const struct kernel_job *job)
{
    const struct kernel_shape *shape = (const struct kernel_shape *)(uintptr_t)job->shape;
    const struct kernel_block *block = packet->levelled ? &shape->levelled : &shape->plain;
    if (!fits(packet, block))
        return 0;
    out[0] = block->length ? 0x90 : 0x80;
    out[1] = packet->marker | job->payload_type;
    put16(out + 2, (uint32_t)packet->sequence + job->sequence_shift);
    put32(out + 4, packet->timestamp + job->timestamp_shift);
    put32(out + 8, job->ssrc);
    uint8_t *extensions = out + HEADER;
    memcpy(extensions, block->bytes, block->length);
    if (block->time_at) {
        extensions[block->time_at] = (uint8_t)(packet->send_time >> 16);
        put16(extensions + block->time_at + 1, packet->send_time);
    }
    if (block->level_at)
        extensions[block->level_at] = packet->level;
    uint8_t *payload = extensions + block->length;
    memcpy(payload, (const void *)(uintptr_t)packet->payload, packet->length);
    if (job->picture_shift || job->tl0_shift)
        shift_vp8(payload, packet, job);
    int length = (int)(HEADER + block->length + packet->length);
    if (sender->protect((void *)(uintptr_t)job->srtp, out, &length))
        return 0;
    return (uint32_t)length;
}

/* Have what the next subscriber's packets need on its way here: between two batches all of it has
 * left the caches, and each is in memory of its own. */
static void expect(const struct kernel_job *job)
{
    __builtin_prefetch((const void *)(uintptr_t)job->srtp);
    __builtin_prefetch((const void *)(uintptr_t)job->name);
}

/* ------------------------------------------------------------------ sending */

/* Make messages of the datagrams [place, used); how many. Runs of one size to one subscriber, the
 * last of which may be shorter, go as one message that the kernel cuts up (udp(7), UDP_SEGMENT). */
static uint32_t assemble(struct kernel_sender *sender, uint32_t place)
{
    const struct kernel_state *state = &sender->state;
    uint32_t message = 0;
    while (place < state->used) {
        uint32_t length = state->lengths[place];
        const void *name = sender->names[place];
        uint32_t end = place + 1, most = place + state->max_run;
        if (most > state->used)
            most = state->used;
        while (end < most && sender->names[end] == name && state->lengths[end] == length)
            end++;
        if (end < most && sender->names[end] == name && state->lengths[end] < length)
            end++;
        struct msghdr *header = &sender->messages[message].msg_hdr;
        memset(header, 0, sizeof *header);
        header->msg_name = (void *)(uintptr_t)name;
        header->msg_namelen = sender->name_length;
        header->msg_iov = &sender->vectors[place];
        header->msg_iovlen = end - place;
        if (end - place > 1) {
            union segment *segment = &sender->segments[message];
            uint16_t size = (uint16_t)length;
            segment->header.cmsg_level = SOL_UDP;
            segment->header.cmsg_type = UDP_SEGMENT;
            segment->header.cmsg_len = CMSG_LEN(sizeof size);
            memcpy(CMSG_DATA(&segment->header), &size, sizeof size);
            header->msg_control = segment;
            header->msg_controllen = sizeof *segment;
        }
        sender->starts[message++] = place;
        place = end;
    }
    sender->starts[message] = place;
    return message;
}

static int no_segments(int error)
{
    /* No such option, a device that computes no checksums, a path that takes less. */
    return error == EINVAL || error == EIO || error == EMSGSIZE || error == EOPNOTSUPP;
}

/* Hand the buffers to the kernel. 0: they are empty again; else the socket would block. */
static int flush(struct kernel_sender *sender)
{
    struct kernel_state *state = &sender->state;
    uint32_t messages = assemble(sender, 0), at = 0;
    while (at < messages) {
        uint32_t run = sender->starts[at + 1] - sender->starts[at];
        state->calls++;
        int sent = sender->send(sender->fd, sender->messages + at, messages - at, MSG_DONTWAIT);
        if (sent >= 0) {
            state->datagrams += sender->starts[at + (uint32_t)sent] - sender->starts[at];
            at += (uint32_t)sent;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            state->would_block++;
            state->first = sender->starts[at];
            return 1;
        } else if (no_segments(errno) && run > 1) {
            state->max_run = 1;  /* from now on one by one */
            messages = assemble(sender, sender->starts[at]);
            at = 0;
        } else if (errno != EINTR) {
            state->send_errors += run;  /* this destination only: unreachable, forbidden */
            at++;
        }
    }
    state->used = 0;
    return 0;
}

int kernel_forward(struct kernel_sender *sender, const struct kernel_packet *packets,
                   const struct kernel_job *jobs, uint32_t count, uint32_t table)
{
    struct kernel_state *state = &sender->state;
    for (; state->next.job < count; state->next.job++, state->next.packet = 0) {
        const struct kernel_job *job = &jobs[state->next.job];
        if (state->next.job + 1 < count)
            expect(job + 1);
        const struct kernel_packet *part = table ? packets : packets + job->first;
        uint32_t length_of_part = table ? table : job->count;
        /* A run that goes as one message is not cut in two by the buffers' end. */
        uint32_t run = length_of_part < MAX_RUN ? length_of_part : MAX_RUN;
        if (state->next.packet == 0 && state->used + run > KERNEL_BATCH && flush(sender))
            return KERNEL_BLOCKED;
        for (; state->next.packet < length_of_part; state->next.packet++) {
            if (state->failures == KERNEL_BATCH)
                return KERNEL_FAILURES;
            if (state->used == KERNEL_BATCH && flush(sender))
                return KERNEL_BLOCKED;
            uint32_t place = state->used;
            uint8_t *out = sender->memory + (size_t)place * KERNEL_SLOT;
            uint32_t length = write_datagram(sender, out, &part[state->next.packet], job);
            if (length == 0) {
                state->failed[state->failures++] = state->next;
                continue;
            }
            sender->names[place] = (const void *)(uintptr_t)job->name;
            sender->vectors[place].iov_len = state->lengths[place] = length;
            state->places[place] = state->next;
            state->used = place + 1;
        }
    }
    return flush(sender) ? KERNEL_BLOCKED : KERNEL_DONE;
}
