/* The packet kernel's interface. Read by the C compiler and by cffi, so: declarations only. */

enum {
    KERNEL_VERSION = 3,        /* raised with every change of this file: a stale build is not used */
    KERNEL_SLOT = 2048,        /* bytes per datagram, as udp.SLOT */
    KERNEL_BATCH = 128,        /* datagrams per sendmmsg, as udp.SEND_BATCH */
    KERNEL_EXTENSIONS = 64,    /* bytes of header extensions at most */
    KERNEL_TRAILER = 20,       /* what SRTP adds at most: GCM's tag and room to spare */
    KERNEL_ABSENT = 0xFFFF,    /* an offset that is not there */
    KERNEL_RECEIVE = 64,       /* datagrams per recvmmsg, as udp.RECEIVE_BATCH */
    KERNEL_KEY = 28,           /* bytes of an address at most: struct sockaddr_in6 */
    KERNEL_PAYLOAD = 1900      /* as rtp.MAX_PAYLOAD */
};

enum {
    KERNEL_DONE = 0,           /* every job is sent */
    KERNEL_BLOCKED = 1,        /* the socket would block: datagrams [first, used) are left */
    KERNEL_FAILURES = 2        /* the list of failures is full */
};

/* A packet as every subscriber gets it. `payload` is read during the call only. */
struct kernel_packet {
    uint64_t payload;          /* address */
    uint32_t length;           /* of the payload, bytes */
    uint32_t timestamp;        /* of the source */
    uint32_t send_time;        /* abs-send-time, 24 bits */
    uint16_t sequence;         /* of the source, low 16 bits */
    uint16_t picture_at;       /* VP8 picture id: offset in the payload, or KERNEL_ABSENT */
    uint16_t picture_id;
    uint16_t tl0_at;           /* VP8 TL0PICIDX, likewise */
    uint8_t marker;            /* 0x80 or 0 */
    uint8_t level;             /* audio level (RFC 6464) */
    uint8_t levelled;          /* whether there is one */
    uint8_t tl0;
    uint8_t long_picture;      /* whether the picture id has 15 bits */
    uint8_t unused[7];
};

/* One of a stream's two extension blocks. */
struct kernel_block {
    uint8_t bytes[KERNEL_EXTENSIONS];
    uint8_t length;
    uint8_t time_at;           /* where abs-send-time goes; 0 for nowhere */
    uint8_t level_at;          /* where the audio level goes; 0 for nowhere */
    uint8_t unused[5];
};

struct kernel_shape {
    struct kernel_block plain, levelled;
};

/* Packets [first, first + count) of the table, to one subscriber; the whole table where the call
 * says how long it is. */
struct kernel_job {
    uint64_t srtp;             /* libsrtp's session */
    uint64_t name;             /* struct sockaddr of the subscriber */
    uint64_t shape;            /* struct kernel_shape */
    uint32_t ssrc;
    uint32_t timestamp_shift;
    uint32_t first;
    uint32_t count;
    uint16_t sequence_shift;
    uint16_t picture_shift;
    uint8_t tl0_shift;
    uint8_t payload_type;
    uint8_t unused[2];
};

/* Which packet of which job. */
struct kernel_place {
    uint32_t job;
    uint32_t packet;           /* within the job */
};

/* What Python reads and resets between calls. */
struct kernel_state {
    struct kernel_place next;  /* where to go on; zero before the first call of a batch */
    uint32_t first;            /* BLOCKED: the first datagram that the socket did not take */
    uint32_t used;             /* datagrams in the buffers; 0 lets go of them */
    uint32_t failures;         /* entries in `failed`; 0 lets go of them */
    uint32_t max_run;          /* datagrams in one message: 1 where segmentation does not work */
    uint64_t calls, datagrams, would_block, send_errors;
    struct kernel_place failed[KERNEL_BATCH];   /* not protected, so not sent */
    struct kernel_place places[KERNEL_BATCH];   /* what each datagram in the buffers is */
    uint32_t lengths[KERNEL_BATCH];
};

struct kernel_sender;

struct kernel_sender *kernel_new(int fd, uint32_t name_length, uint64_t protect, uint64_t sendmmsg);
void kernel_free(struct kernel_sender *sender);
struct kernel_state *kernel_state(struct kernel_sender *sender);
uint8_t *kernel_memory(struct kernel_sender *sender);
int kernel_forward(struct kernel_sender *sender, const struct kernel_packet *packets,
                   const struct kernel_job *jobs, uint32_t count, uint32_t table);

/* ------------------------------------------------------------------ receiving */

enum {
    KERNEL_OTHER = 0,          /* no media of a known stream: left as it came */
    KERNEL_MEDIA = 1,          /* decrypted, and its header read */
    KERNEL_REJECTED = 2,       /* its check failed: forged, replayed or damaged */
    KERNEL_MALFORMED = 3       /* authentic, but no RTP packet */
};

/* What one datagram is; all but `found` and `stream` are those of KERNEL_MEDIA. */
struct kernel_arrival {
    uint32_t stream;           /* as Python numbered it */
    uint32_t timestamp;
    uint16_t sequence;
    uint16_t start, end;       /* of the payload, padding cut off */
    uint16_t length;           /* of the packet without SRTP's trailer */
    uint8_t found;
    uint8_t payload_type;
    uint8_t marker;            /* 0x80 or 0 */
    uint8_t level;             /* audio level (RFC 6464) */
    uint8_t levelled;          /* whether there is one */
    uint8_t unused[3];
};

struct kernel_reader;

/* `messages` is the address of KERNEL_RECEIVE mmsghdr, each with one vector and room for a name. */
struct kernel_reader *kernel_reader_new(int fd, uint32_t key_length, uint64_t messages,
                                        uint64_t recvmmsg, uint64_t unprotect, uint64_t secret);
void kernel_reader_free(struct kernel_reader *reader);
struct kernel_arrival *kernel_arrivals(struct kernel_reader *reader);
int kernel_learn(struct kernel_reader *reader, const uint8_t *key, uint32_t ssrc, uint64_t srtp,
                 uint32_t level_id, uint32_t stream);   /* -1: no memory, and nothing is changed */
void kernel_forget(struct kernel_reader *reader, const uint8_t *key, uint32_t ssrc);
int kernel_read(struct kernel_reader *reader);          /* how many datagrams were read */
