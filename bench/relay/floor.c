/* The floor: what any forwarding server must at least do for each packet and receiver.
 *
 * Copy, header, srtp_protect, sendmmsg; nothing is received, looked up, kept or counted beyond what
 * was sent. The pattern is the other benches', in real time: between two bursts it sleeps. Built and
 * called by floor.py; libsrtp's srtp_protect comes as a pointer, so this links against nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define SLOT 2048
#define BATCH 512 /* the relay's own batch: its buffers stay in the second-level cache */
#define RUN 30
#define TAG 16 /* what AES-GCM adds */

typedef int (*protect_fn)(void *session, void *packet, int *length);

struct burst {
    int64_t at_ns;
    int32_t kind, packets, length;
    uint32_t timestamp;
};

struct receiver {
    uint64_t session;
    struct sockaddr_in to;
    uint16_t numbers[2];
    uint8_t types[2];
    uint16_t padding;
};

struct result {
    int64_t sent, refused, blocked, calls;
};

static uint8_t buffers[BATCH][SLOT];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];
static union { char bytes[CMSG_SPACE(sizeof(uint16_t))]; struct cmsghdr align; } controls[BATCH];
static struct sockaddr_in *names[BATCH];

static void flush(int fd, int used, int run, struct result *result)
{
    int count = 0;
    for (int place = 0; place < used;) {
        int end = place + 1;
        size_t length = vectors[place].iov_len;
        while (end < used && end - place < run && names[end] == names[place] &&
               vectors[end].iov_len == length)
            end++;
        struct msghdr *header = &messages[count].msg_hdr;
        memset(header, 0, sizeof *header);
        header->msg_name = names[place];
        header->msg_namelen = sizeof(struct sockaddr_in);
        header->msg_iov = &vectors[place];
        header->msg_iovlen = end - place;
        if (end - place > 1) {
            header->msg_control = controls[count].bytes;
            header->msg_controllen = sizeof controls[count].bytes;
            struct cmsghdr *control = CMSG_FIRSTHDR(header);
            control->cmsg_level = IPPROTO_UDP;
            control->cmsg_type = UDP_SEGMENT;
            control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
            uint16_t size = (uint16_t)length;
            memcpy(CMSG_DATA(control), &size, sizeof size);
        }
        count++;
        place = end;
    }
    for (int at = 0; at < count;) {
        int sent = sendmmsg(fd, messages + at, count - at, MSG_DONTWAIT);
        result->calls++;
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            for (; at < count; at++)
                result->blocked += messages[at].msg_hdr.msg_iovlen;
            return;
        }
        for (int end = at + sent; at < end; at++)
            result->sent += messages[at].msg_hdr.msg_iovlen;
    }
}

static void one_burst(const struct burst *burst, protect_fn protect, int fd,
                      struct receiver *receivers, int count, int run, const uint8_t *body,
                      struct result *result)
{
    int used = 0, kind = burst->kind;
    for (int who = 0; who < count; who++) {
        struct receiver *receiver = &receivers[who];
        for (int place = 0; place < burst->packets; place++) {
            if (used == BATCH) {
                flush(fd, used, run, result);
                used = 0;
            }
            uint8_t *packet = buffers[used];
            memcpy(packet, body, burst->length);
            uint16_t number = receiver->numbers[kind]++;
            int mark = kind == 1 && place == burst->packets - 1;
            uint32_t stamp = burst->timestamp, ssrc = 1000 + 2 * who + kind;
            packet[0] = 0x90;
            packet[1] = receiver->types[kind] | (mark ? 0x80 : 0);
            packet[2] = number >> 8, packet[3] = number;
            for (int byte = 0; byte < 4; byte++) {
                packet[4 + byte] = stamp >> (24 - 8 * byte);
                packet[8 + byte] = ssrc >> (24 - 8 * byte);
            }
            int length = burst->length;
            if (protect == NULL) {
                length += TAG;
            } else if (protect((void *)(uintptr_t)receiver->session, packet, &length)) {
                result->refused++;
                continue;
            }
            vectors[used].iov_base = packet;
            vectors[used].iov_len = length;
            names[used] = &receiver->to;
            used++;
        }
    }
    flush(fd, used, run, result);
}

/* Send every burst when it is due, to every receiver. `run` is how many equal packets to one
 * receiver go as one message: 1 is without UDP_SEGMENT. Without `protect` packets are as long, but not
 * encrypted. */
void floor_run(void *protect, int fd, struct receiver *receivers, int count,
               const struct burst *bursts, int burst_count, int run, const uint8_t *body,
               struct result *result)
{
    struct timespec start, due;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int place = 0; place < burst_count; place++) {
        int64_t at = start.tv_nsec + bursts[place].at_ns;
        due.tv_sec = start.tv_sec + at / 1000000000;
        due.tv_nsec = at % 1000000000;
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
            ;
        one_burst(&bursts[place], (protect_fn)protect, fd, receivers, count, run > RUN ? RUN : run,
                  body, result);
    }
}
