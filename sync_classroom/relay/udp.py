"""One non-blocking UDP socket that receives and sends in batches (Linux `recvmmsg`, `sendmmsg`).

Datagrams of one size to one address that lie next to each other, as the packets of a video frame
do, go to the kernel as one message (UDP_SEGMENT, udp(7)): its work per packet is most of what
forwarding costs, and is then done once a frame.

Datagrams live in our own fixed buffers, so SRTP can work on them in place; nothing is allocated per
packet. An address is the kernel's own `sockaddr` as bytes: it is only ever compared and given back.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections import deque
from typing import Any, Final, Protocol

import cffi

SLOT: Final = 2048
"""Bytes per datagram: an Ethernet MTU, SRTP's trailer, and room to stay aligned."""
RECEIVE_BATCH: Final = 64
"""Datagrams per `recvmmsg`: a 64th of a call is cheap, 128 kB of buffer stays in the L2 cache."""
SEND_BATCH: Final = 128
"""Datagrams per `sendmmsg` at most: a 128th of a call is cheap, and 256 kB of buffer stay in the
second-level cache; four times as many cost the same time and 2 MB more."""
MAX_RUN: Final = 30
"""Datagrams in one message: the kernel takes 64 and 64 kB, which are 31 of our slots."""
SOCKET_BUFFER: Final = 4 * 1024 * 1024
"""Asked of the kernel both ways (it grants at most `net.core.[rw]mem_max`): a keyframe of 100
packets to 48 subscribers is 6 MB of buffer accounting, spread over some 40 ms."""
MAX_KEPT: Final = 256
"""Audio and control datagrams kept while the socket would block; the oldest goes first. A second
of audio for five subscribers: later than that nobody wants it."""

ffi: Any = cffi.FFI()
ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr { void *msg_name; uint32_t msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                    void *msg_control; size_t msg_controllen; int msg_flags; };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    int recvmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags, void *timeout);
    int sendmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags);
    """
)
_libc: Any = ffi.dlopen(None)

# The arrays are written through memoryviews of words, which is five times as fast as fields; that
# needs this layout, the one of every 64-bit Linux.
_HEADER_WORDS: Final = 8
_NAME, _VECTORS, _VECTOR_COUNT, _CONTROL, _CONTROL_LENGTH = 0, 2, 3, 4, 5
if (
    ffi.sizeof("struct mmsghdr") != 64
    or ffi.offsetof("struct msghdr", "msg_controllen") != 8 * _CONTROL_LENGTH
    or ffi.offsetof("struct mmsghdr", "msg_len") != 56
    or ffi.sizeof("struct iovec") != 16
):
    raise ImportError("the relay's packet plane needs a 64-bit Linux")

_TRUNCATED: Final = int(socket.MSG_TRUNC)  # of the enumeration, an & costs ten times as much
_SOL_UDP: Final = 17  # linux/socket.h
_UDP_SEGMENT: Final = 103  # linux/udp.h
_SEGMENT: Final = struct.Struct("=QiiHxxxxxx")  # struct cmsghdr, and the size in 16 bits
_SEGMENT_LENGTH: Final = 18  # CMSG_LEN(2)
_SEGMENT_HALVES, _SEGMENT_AT = 12, 8  # in 16 bits: its length, and where in it the size is


# What the kernel says where it cannot cut a message into datagrams: no such option, a device that
# computes no checksums, a path that takes less.
_NO_SEGMENTS: Final = frozenset({errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP})


class Owner(Protocol):
    """Who queued a datagram; told when the kernel would not take it."""

    def blocked(self, datagram: memoryview) -> bool:
        """The socket would block; return True to have the datagram kept and sent later."""
        ...


class Sender(Protocol):
    """Where datagrams are written to be sent: a `UdpSocket`, or a `tcp.TcpSender`."""

    used: int
    send_view: memoryview
    send_pointers: list[Any]
    send_lengths: memoryview

    def commit(self, length: int, address: Address, owner: Owner | None) -> None:
        """See `UdpSocket.commit`."""
        ...

    def label(self, first: int, end: int, address: Address, owner: Owner | None) -> None:
        """See `UdpSocket.label`."""
        ...

    def send(self, data: bytes, address: Address, owner: Owner | None = None) -> None:
        """See `UdpSocket.send`."""
        ...

    def flush(self) -> None:
        """See `UdpSocket.flush`."""
        ...


class Address:
    """A destination, prepared for `sendmmsg`; `key` is the sender address it was learnt from."""

    __slots__ = ("_memory", "key", "pointer")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._memory = ffi.new("char[]", key)
        self.pointer = int(ffi.cast("uintptr_t", self._memory))


class _Batch:
    """Fixed buffers with the kernel's arrays over them."""

    def __init__(self, count: int, name_length: int, *, names: bool) -> None:
        self.memory = ffi.new("char[]", count * SLOT)
        self.view = memoryview(ffi.buffer(self.memory)).cast("B")
        self.pointers = [self.memory + place * SLOT for place in range(count)]
        self.iovecs = ffi.new("struct iovec[]", count)
        self.headers = ffi.new("struct mmsghdr[]", count)
        self.names = ffi.new("char[]", count * name_length) if names else ffi.NULL
        for place in range(count):
            self.iovecs[place].iov_base = self.pointers[place]
            self.iovecs[place].iov_len = SLOT
            header = self.headers[place].msg_hdr
            header.msg_iov = self.iovecs + place
            header.msg_iovlen = 1
            header.msg_namelen = name_length
            if names:
                header.msg_name = self.names + place * name_length
        self.lengths = memoryview(ffi.buffer(self.iovecs)).cast("B").cast("Q")
        self.header_words = memoryview(ffi.buffer(self.headers)).cast("B").cast("Q")
        self.header_halves = memoryview(ffi.buffer(self.headers)).cast("B").cast("I")


class UdpSocket:
    """The relay's media port.

    Receiving: `receive()` fills the buffers and says how many; `view`, `pointer`, `address` then
    speak of datagram `place` until the next `receive()`. Sending: write a datagram at
    `send_view[used * SLOT:]`, `commit(...)`, and `flush()` before anybody waits.
    """

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                self._socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
            if family == socket.AF_INET6 and host == "::":
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self._socket.bind((host, port))
        except BaseException:
            self._socket.close()
            raise
        self.fd = self._socket.fileno()
        self.family = family
        self.port: int = self._socket.getsockname()[1]
        self.name_length = 16 if family == socket.AF_INET else 28
        self.key_length = 8 if family == socket.AF_INET else 28
        self._rx = _Batch(RECEIVE_BATCH, self.name_length, names=True)
        self._rx_names = memoryview(ffi.buffer(self._rx.names)).cast("B")
        self.receive_memory = ffi.buffer(self._rx.memory)
        """All receive buffers, datagram `place` at `place * SLOT`; a slice is a copy."""
        self._tx = _Batch(SEND_BATCH, self.name_length, names=False)
        self._control = ffi.new("char[]", SEND_BATCH * _SEGMENT.size)
        self._control_at = int(ffi.cast("uintptr_t", self._control))
        control = memoryview(ffi.buffer(self._control)).cast("B")
        for place in range(SEND_BATCH):  # what differs is written with each message
            _SEGMENT.pack_into(
                control, _SEGMENT.size * place, _SEGMENT_LENGTH, _SOL_UDP, _UDP_SEGMENT, 0
            )
        self._segment_sizes = control.cast("H")[_SEGMENT_AT:]
        self._vectors_at = int(ffi.cast("uintptr_t", self._tx.iovecs))
        self._owners: list[Owner | None] = [None] * SEND_BATCH
        self._names = [0] * SEND_BATCH
        self._starts = [0] * (SEND_BATCH + 1)
        self._max_run = MAX_RUN
        self._kept: deque[tuple[bytes, Address]] = deque()
        self._addresses: dict[int, Address] = {}
        self._sendmmsg: Any = _libc.sendmmsg  # a test has it refuse
        self._recvmmsg: Any = _libc.recvmmsg
        self.used = 0
        self.send_view = self._tx.view
        self.send_pointers = self._tx.pointers
        self.send_lengths = self._tx.lengths
        self.calls = self.would_block = self.send_errors = self.truncated = self.kept_lost = 0
        self.datagrams_out = 0

    def close(self) -> None:
        """Close the socket; buffers stay valid until the object goes."""
        self._socket.close()

    @property
    def fd_open(self) -> bool:
        """Whether the socket has not been closed."""
        return self._socket.fileno() >= 0

    # ------------------------------------------------------------------ receiving

    def receive(self) -> int:
        """Fill the receive buffers; 0 when the socket is empty."""
        count: int = self._recvmmsg(
            self.fd, self._rx.headers, RECEIVE_BATCH, socket.MSG_DONTWAIT, ffi.NULL
        )
        return max(count, 0)  # errors of earlier sends surface here; they are nobody's news

    def length(self, place: int) -> int:
        """Bytes of datagram `place`; 0 if it was larger than a buffer and is to be dropped."""
        halves = self._rx.header_halves
        if halves[place * 16 + 12] & _TRUNCATED:
            self.truncated += 1
            return 0
        return halves[place * 16 + 14]

    def media_length(self, place: int) -> int:
        """Bytes of datagram `place` if it can be RTP (RFC 7983) and not RTCP (RFC 5761), else 0."""
        halves, start = self._rx.header_halves, place * SLOT
        length = halves[place * 16 + 14]
        if (
            halves[place * 16 + 12] & _TRUNCATED
            or length < 12
            or self._rx.view[start] >> 6 != 2
            or 192 <= self._rx.view[start + 1] <= 223
        ):
            return 0
        return length

    def address(self, place: int) -> bytes:
        """The sender of datagram `place`, as a key."""
        start = place * self.name_length
        return bytes(self._rx_names[start : start + self.key_length])

    def view(self, place: int, length: int) -> memoryview:
        """Datagram `place` as writable memory."""
        return self._rx.view[place * SLOT : place * SLOT + length]

    def pointer(self, place: int) -> Any:
        """Datagram `place` as a cffi pointer."""
        return self._rx.pointers[place]

    def host_port(self, key: bytes) -> tuple[str, int]:
        """IP address and port of an address key; IPv4-mapped addresses as IPv4."""
        port = int.from_bytes(key[2:4], "big")
        if self.family == socket.AF_INET:
            return socket.inet_ntop(socket.AF_INET, key[4:8]), port
        packed = key[8:24]
        if packed.startswith(bytes(10) + b"\xff\xff"):
            return socket.inet_ntop(socket.AF_INET, packed[12:]), port
        return socket.inet_ntop(socket.AF_INET6, packed), port

    def destination(self, key: bytes) -> Address:
        """Prepare an address key for sending."""
        return Address(key.ljust(self.name_length, b"\0"))

    # ------------------------------------------------------------------ sending

    def commit(self, length: int, address: Address, owner: Owner | None) -> None:
        """Queue the datagram written at slot `used`; flushes when the buffers are full.

        The caller keeps `address` alive until the next flush.
        """
        place = self.used
        self._tx.lengths[2 * place + 1] = length
        self.label(place, place + 1, address, owner)
        if self.used == SEND_BATCH:
            self.flush()

    def label(self, first: int, end: int, address: Address, owner: Owner | None) -> None:
        """Queue the datagrams `[first, end)`, whose lengths are written: all to one address.

        `commit` for a fan-out, which cannot afford a call per packet; `end` is at most
        `SEND_BATCH`, and then `flush()` is the caller's.
        """
        count = end - first
        self._names[first:end] = [address.pointer] * count
        self._owners[first:end] = [owner] * count
        self.used = end

    def send(self, data: bytes, address: Address, owner: Owner | None = None) -> None:
        """Queue one datagram from bytes of at most `SLOT`."""
        start = self.used * SLOT
        self._tx.view[start : start + len(data)] = data
        self._addresses[self.used] = address
        self.commit(len(data), address, owner)

    def flush(self) -> None:
        """Hand everything queued to the kernel; what it will not take, its owner decides about."""
        if self._kept:
            self.retry()
        count, self.used = self.used, 0
        if not count:
            return  # as at the end of most turns: media goes out by the kernel's own buffers
        starts, headers = self._starts, self._tx.headers
        messages, at = self._assemble(0, count), 0
        while at < messages:
            self.calls += 1
            sent = self._sendmmsg(self.fd, headers + at, messages - at, socket.MSG_DONTWAIT)
            if sent >= 0:
                self.datagrams_out += starts[at + sent] - starts[at]
                at += sent
            elif ffi.errno in (errno.EAGAIN, errno.ENOBUFS):
                self.would_block += 1
                self._block(starts[at], count)
                break
            elif ffi.errno in _NO_SEGMENTS and starts[at + 1] - starts[at] > 1:
                self._max_run = 1  # not on this system or path: from now on one by one
                messages, at = self._assemble(starts[at], count), 0
            elif ffi.errno != errno.EINTR:
                # This destination only: unreachable, forbidden, too long.
                self.send_errors += starts[at + 1] - starts[at]
                at += 1
        if self._addresses:
            self._addresses.clear()

    def _assemble(self, place: int, count: int) -> int:
        """Make messages of the datagrams `[place, count)`; how many. `_starts` says of which."""
        names, starts = self._names, self._starts
        words, message = self._tx.header_words, 0
        lengths = self._tx.lengths[1 : 2 * count : 2].tolist()  # a list is read in half the time
        while place < count:
            starts[message] = place
            name, length = names[place], lengths[place]
            end, most = place + 1, min(count, place + self._max_run)
            while end < most and names[end] == name and lengths[end] == length:
                end += 1
            if end < most and names[end] == name and lengths[end] < length:
                end += 1  # the last of a run may be shorter
            header = _HEADER_WORDS * message
            words[header + _NAME] = name
            words[header + _VECTORS] = self._vectors_at + 16 * place
            words[header + _VECTOR_COUNT] = end - place
            if end - place > 1:
                self._segment_sizes[_SEGMENT_HALVES * message] = length
                words[header + _CONTROL] = self._control_at + _SEGMENT.size * message
                words[header + _CONTROL_LENGTH] = _SEGMENT.size
            else:
                words[header + _CONTROL] = words[header + _CONTROL_LENGTH] = 0
            place = end
            message += 1
        starts[message] = count
        return message

    def _block(self, first: int, count: int) -> None:
        for place in range(first, count):
            owner = self._owners[place]
            length = self._tx.lengths[2 * place + 1]
            datagram = self._tx.view[place * SLOT : place * SLOT + length]
            if owner is not None and owner.blocked(datagram):
                name = ffi.cast("char *", self._names[place])
                self.keep(datagram, Address(bytes(ffi.buffer(name, self.name_length))))

    def sendmmsg_address(self) -> int:
        """The address of what sends, for compiled code."""
        return int(ffi.cast("uintptr_t", self._sendmmsg))

    def recvmmsg_address(self) -> int:
        """The address of what receives, for compiled code."""
        return int(ffi.cast("uintptr_t", self._recvmmsg))

    def messages_address(self) -> int:
        """The address of the receive buffers' `RECEIVE_BATCH` message headers, for the same."""
        return int(ffi.cast("uintptr_t", self._rx.headers))

    def keep(self, datagram: memoryview, address: Address) -> None:
        """Send a datagram later, when the socket can be written again."""
        if len(self._kept) == MAX_KEPT:
            self._kept.popleft()
            self.kept_lost += 1
        self._kept.append((bytes(datagram), address))

    @property
    def waiting(self) -> bool:
        """Whether datagrams are kept until the socket can be written again."""
        return bool(self._kept)

    def retry(self) -> None:
        """Send what was kept, one by one, until the socket would block again."""
        while self._kept:
            data, address = self._kept[0]
            try:
                self._socket.sendto(data, self.host_port_native(address.key))
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.send_errors += 1
            else:
                self.datagrams_out += 1
            self._kept.popleft()

    def host_port_native(self, key: bytes) -> tuple[str, int]:
        """As `host_port`, in the socket's own family."""
        if self.family == socket.AF_INET:
            return self.host_port(key)
        return socket.inet_ntop(socket.AF_INET6, key[8:24]), int.from_bytes(key[2:4], "big")
