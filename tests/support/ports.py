"""Ports for servers that tests start: below those the system hands out by itself.

A port the system chose (`bind` to 0) may be chosen again for any connection between the probe and
the server's own start. So each test process takes numbers from a range that only asking by number
leads to, beginning at a place of its own.
"""

from __future__ import annotations

import itertools
import os
import socket
from typing import Final

# Linux hands out 32768 and up, other systems 49152 and up.
_FIRST: Final = 20_000
_LAST: Final = 32_000
# Far enough apart that neighbouring process ids do not meet within a run.
_STRIDE: Final = 97
_OFFSETS = itertools.count(os.getpid() * _STRIDE)


def free_port() -> int:
    """A port nobody has just now, neither for TCP nor for UDP, on any address."""
    for offset in itertools.islice(_OFFSETS, _LAST - _FIRST):
        port = _FIRST + offset % (_LAST - _FIRST)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is no obstacle
            try:
                tcp.bind(("0.0.0.0", port))
                udp.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no free port between {_FIRST} and {_LAST}")
