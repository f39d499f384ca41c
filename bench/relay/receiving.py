"""Reading many datagrams from many sockets for little: recvmmsg into one set of buffers."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Sequence
from typing import Any, Final

import cffi

SLOT: Final = 2048
BATCH: Final = 256
_SO_MEMINFO: Final = 55  # asm-generic/socket.h
_DROPS: Final = 8  # SK_MEMINFO_DROPS, linux/sock_diag.h

ffi: Any = cffi.FFI()
ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr { void *msg_name; uint32_t msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                    void *msg_control; size_t msg_controllen; int msg_flags; };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    int recvmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags, void *timeout);
    """
)
_libc: Any = ffi.dlopen(None)

_MEDIA = bytes(1 if 128 <= value <= 191 else 0 for value in range(256))
_CONTROL = bytes(1 if 192 <= value <= 223 else 0 for value in range(256))


class Mailbox:
    """Sockets that are read and counted, not understood.

    `packets` are RTP by RFC 7983 and RFC 5761, `bytes` all datagrams' without IP and UDP headers.
    """

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self.sockets = list(sockets)
        self._epoll = select.epoll()
        for udp in self.sockets:
            self._epoll.register(udp.fileno(), select.EPOLLIN)
        self._memory = ffi.new("char[]", BATCH * SLOT)
        self.view = memoryview(ffi.buffer(self._memory)).cast("B")
        self._vectors = ffi.new("struct iovec[]", BATCH)
        self._headers = ffi.new("struct mmsghdr[]", BATCH)
        for place in range(BATCH):
            self._vectors[place].iov_base = self._memory + place * SLOT
            self._vectors[place].iov_len = SLOT
            self._headers[place].msg_hdr.msg_iov = self._vectors + place
            self._headers[place].msg_hdr.msg_iovlen = 1
        self._lengths = memoryview(ffi.buffer(self._headers)).cast("B").cast("I")[14::16]
        self._first, self._second = self.view[::SLOT], self.view[1::SLOT]
        self.packets = self.control = self.bytes = 0

    def wait(self, timeout_s: float) -> None:
        """Wait for datagrams and take all that are there."""
        for fd, _ in self._epoll.poll(timeout_s):
            while self.take(fd) == BATCH:
                pass

    def take(self, fd: int) -> int:
        """One recvmmsg; how many datagrams came."""
        taken: int = _libc.recvmmsg(fd, self._headers, BATCH, socket.MSG_DONTWAIT, ffi.NULL)
        if taken <= 0:
            return 0
        media = sum(bytes(self._first[:taken]).translate(_MEDIA))
        control = sum(bytes(self._second[:taken]).translate(_CONTROL)) if media else 0
        # Neither STUN nor DTLS has a second byte of 192 or more here: lengths and versions.
        self.packets += media - control
        self.control += control
        self.bytes += sum(self._lengths[:taken])
        return taken

    def lost(self) -> int:
        """Datagrams that the kernel dropped because a socket's buffer was full."""
        return sum(drops(udp) for udp in self.sockets)

    def close(self) -> None:
        """Stop watching; the sockets are their owner's."""
        self._epoll.close()


def drops(udp: socket.socket) -> int:
    """Datagrams the kernel dropped at this socket since it was made."""
    values = udp.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 9 * 4)
    return int(struct.unpack_from("=9I", values)[_DROPS])
