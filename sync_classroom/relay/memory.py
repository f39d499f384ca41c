"""Memory of the relay's process: what stays for good, and what a lesson leaves free.

What is there when it has started is there to the end. Python's collector would look through all of
it again whenever sessions have come and gone, and nobody's media moves meanwhile.

A session's DTLS and SRTP are some dozens of blocks of C memory. When a lesson's sessions end,
theirs are free, but among blocks that stay, so the process would keep the pages: for ever as large
as in its fullest minute.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, Final

import cffi

NEW_OBJECTS: Final = 10_000
"""So many more objects than before, and the collector looks at the new ones. Packets make and drop
thousands a second and leave no cycles; sessions leave some, a few hundred objects each."""
FEWER: Final = 4
"""So many sessions must have ended: less is half a megabyte, and the next one takes it again."""
REST_S: Final = 10.0
"""Between two times: giving back 40 MB takes some milliseconds, in which others wait for memory."""


class Ebb:
    """Notices that many have left. Pure: time is an argument."""

    def __init__(self) -> None:
        self._most = 0
        self._rest_until = float("-inf")

    def due(self, sessions: int, now: float) -> bool:
        """Whether to give memory back now, that so many are left; it is then taken as done.

        When at most half are left of the most there were since the last time.
        """
        self._most = max(self._most, sessions)
        if now < self._rest_until or self._most - sessions < max(FEWER, sessions):
            return False
        self._most, self._rest_until = sessions, now + REST_S
        return True


def _find() -> Callable[[int], object]:
    ffi: Any = cffi.FFI()
    ffi.cdef("int malloc_trim(size_t pad);")
    try:
        found: Callable[[int], object] = ffi.dlopen(None).malloc_trim
    except AttributeError:  # a C library other than GNU's
        return lambda _pad: None
    return found


_malloc_trim: Final = _find()


def settle() -> None:
    """Everything is loaded and listens: the collector need not look at any of it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)


def give_back() -> None:
    """Give free pages back to the system. Call it in a thread: it lets go of Python's lock."""
    _malloc_trim(0)
