"""The relay's housekeeping: how late and busy the loop is, memory, a drain's end, a sign of life.

One task, one fixed order, ten times a second; the decisions are in `load.py` and `drain.py`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Final

from .endpoint import Endpoint
from .load import SECOND_S, TICK_S, LoadMeter, Work
from .memory import Ebb, give_back
from .notify import Notifier

_SO_MEMINFO: Final = 55  # asm-generic/socket.h, since Linux 4.12
_MEMINFO: Final = struct.Struct("=9I")
_DROPS: Final = 8  # linux/sock_diag.h: SK_MEMINFO_DROPS


def receive_drops(fd: int) -> int:
    """Datagrams the kernel could not put into this socket's buffer so far; 0 where it is not told.

    It is the number `/proc/net/udp` shows, without reading everybody else's sockets.
    """
    try:
        with socket.socket(fileno=os.dup(fd)) as looked_at:
            answer = looked_at.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        return int(_MEMINFO.unpack(answer)[_DROPS])
    except (OSError, struct.error):
        return 0


def work_of(endpoint: Endpoint) -> Work:
    """The endpoint's running totals; call it on the loop's thread, whose time it takes."""
    socket_ = endpoint.socket
    return Work(time.thread_time(), receive_drops(socket_.fd), socket_.would_block)


async def watch(endpoint: Endpoint, notifier: Notifier, on_drained: Callable[[], None]) -> None:
    """Watch until cancelled; `on_drained` is called once, when a drain has emptied the relay."""
    loop = asyncio.get_running_loop()
    entrance = endpoint.entrance
    meter = LoadMeter(loop.time(), work_of(endpoint))
    at = second_at = loop.time()
    second_at += SECOND_S
    done = False
    ebb = Ebb()
    while True:
        at += TICK_S
        if at < (now := loop.time()):
            at = now + TICK_S  # what was late has been counted once
        await asyncio.sleep(at - now)
        now = loop.time()
        meter.tick(now - at)
        endpoint.lag.observe(max(0.0, now - at))
        if now < second_at:
            continue
        second_at = now + SECOND_S
        work = work_of(endpoint)
        meter.second(now, work)
        endpoint.dropped_in = work.dropped
        entrance.gate.heed(meter.load)
        if ebb.due(endpoint.session_count, now):
            await asyncio.to_thread(give_back)
        if not done and entrance.drain.advance(now, endpoint.session_count):
            done = True
            on_drained()
        notifier.alive(now, _status(endpoint))


def _status(endpoint: Endpoint) -> str:
    """A line for `systemctl status`."""
    entrance = endpoint.entrance
    more = ", draining" if entrance.drain.active else ", busy" if entrance.gate.busy else ""
    return f"{len(endpoint.rooms())} rooms, {endpoint.session_count} sessions{more}"
