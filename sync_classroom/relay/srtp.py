"""SRTP in place (RFC 3711, RFC 7714): libsrtp by pylibsrtp's own cffi binding.

pylibsrtp's public methods copy each packet twice and refuse those over 1356 bytes; its binding
works on any buffer. This is the only file that uses private names of pylibsrtp;
`tests/relay/test_srtp.py` names each of them.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from pylibsrtp import Session
from pylibsrtp._binding import ffi as _ffi
from pylibsrtp._binding import lib as _lib

MAX_TRAILER: Final = 16 + 4
"""What protection adds at most with our profiles: GCM's tag, and SRTCP's index."""
OK: Final = _lib.srtp_err_status_ok

protect: Final = _lib.srtp_protect
"""`protect(session, pointer, length)`: encrypt in place; `length` is an `int *`, updated."""


class SrtpError(Exception):
    """A packet failed its check or could not be protected; `status` is libsrtp's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"libsrtp status {status}")
        self.status = status


class SrtpSession:
    """One direction of one peer.

    `raw` is libsrtp's handle and `handle` its address, both valid while this object lives.
    """

    __slots__ = ("_length", "_session", "handle", "raw")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.raw: Any = session._srtp[0]
        self.handle = int(_ffi.cast("uintptr_t", self.raw))
        self._length = _ffi.new("int *")

    def unprotect(self, pointer: Any, length: int) -> int:
        """Check and decrypt an SRTP packet in place; its new length. Raises SrtpError."""
        return self._run(_lib.srtp_unprotect, pointer, length)

    def unprotect_rtcp(self, pointer: Any, length: int) -> int:
        """Check and decrypt an SRTCP packet in place; its new length. Raises SrtpError."""
        return self._run(_lib.srtp_unprotect_rtcp, pointer, length)

    def protect_rtp(self, pointer: Any, length: int) -> int:
        """Encrypt an RTP packet in place; needs `MAX_TRAILER` bytes of room. Raises SrtpError."""
        return self._run(_lib.srtp_protect, pointer, length)

    def protect_rtcp(self, pointer: Any, length: int) -> int:
        """Encrypt an RTCP packet in place; needs `MAX_TRAILER` bytes of room. Raises SrtpError."""
        return self._run(_lib.srtp_protect_rtcp, pointer, length)

    def _run(self, function: Any, pointer: Any, length: int) -> int:
        self._length[0] = length
        status: int = function(self.raw, pointer, self._length)
        if status != OK:
            raise SrtpError(status)
        return int(self._length[0])


def length_cells(lengths: memoryview, count: int) -> list[Any]:
    """For `protect` an `int *` to the length of each of `count` vectors (`udp.Sender`).

    The vectors' memory is the sender's, which must outlive them. A length fits the lower half of
    its word, and the upper half stays 0.
    """
    half = 2 if sys.byteorder == "little" else 3
    first = _ffi.cast("int *", _ffi.from_buffer(lengths))
    return [first + 4 * place + half for place in range(count)]


def protect_address() -> int:
    """The address of `srtp_protect`, for code of our own that calls it."""
    return int(_ffi.cast("uintptr_t", _ffi.addressof(_lib, "srtp_protect")))


def unprotect_address() -> int:
    """The same of `srtp_unprotect`."""
    return int(_ffi.cast("uintptr_t", _ffi.addressof(_lib, "srtp_unprotect")))
