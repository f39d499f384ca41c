"""What wakes the media loop: its socket, unless that is held back for a moment, and one timer.

asyncio's own timers are as coarse as a millisecond, which is a fifth of the latency we may add, and
to take a reader away and give it back costs more than the packets it waits for. Both are done here
by the system: `timerfd_create(2)`, and an epoll of our own that asyncio watches.
"""

from __future__ import annotations

import math
import os
import select
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any, Final

import cffi

_ffi: Any = cffi.FFI()
_ffi.cdef(
    """
    struct itimerspec { long interval_s, interval_ns, value_s, value_ns; };
    int timerfd_create(int clock, int flags);
    int timerfd_settime(int fd, int flags, const struct itimerspec *new, void *old);
    """
)
_libc: Any = _ffi.dlopen(None)
_CLOCK_MONOTONIC: Final = 1  # linux/time.h; asyncio's clock
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK, TFD_CLOEXEC
_ABSOLUTE: Final = 1  # linux/timerfd.h: TFD_TIMER_ABSTIME
_NANO: Final = 1_000_000_000


class Wakeups:
    """Calls `woken` when the socket can be read or the timer's time has come."""

    def __init__(self, loop: AbstractEventLoop, fd: int, woken: Callable[[], None]) -> None:
        self._loop, self._fd = loop, fd
        self._timer: int = _libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self._timer < 0:
            raise OSError(_ffi.errno, os.strerror(_ffi.errno))
        self._spec = _ffi.new("struct itimerspec *")
        self._at: float | None = None
        self._held = False
        self._epoll = select.epoll()
        self._epoll.register(fd, select.EPOLLIN)
        self._epoll.register(self._timer, select.EPOLLIN)
        self._open = True
        loop.add_reader(self._epoll.fileno(), woken)

    def arm(self, at: float | None, now: float) -> None:
        """Wake at this time of the loop's, and at no other; None: by the socket only."""
        if at == self._at and (at is None or at > now):
            return
        self._at = at
        # Zero switches it off. To set it anew also takes back that it has gone off.
        nanoseconds = 0 if at is None else max(1, math.ceil(at * _NANO))
        self._spec.value_s, self._spec.value_ns = divmod(nanoseconds, _NANO)
        _libc.timerfd_settime(self._timer, _ABSOLUTE, self._spec, _ffi.NULL)

    def hold(self, held: bool) -> None:
        """Leave what comes in the socket for now, or do not."""
        if held is not self._held:
            self._held = held
            self._epoll.modify(self._fd, 0 if held else select.EPOLLIN)

    def close(self) -> None:
        """Wake nobody any more; the socket is its owner's. Again is fine."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            os.close(self._timer)
