from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.relay.wakeups import Wakeups
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio


class Desk:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.socket, self.peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.times: list[float] = []
        self.taken: list[bytes] = []
        self.at: float | None = None
        self.wakeups = Wakeups(self.loop, self.socket.fileno(), self.woken)

    def woken(self) -> None:
        now = self.loop.time()
        self.times.append(now)
        try:
            self.taken.append(self.socket.recv(10, socket.MSG_DONTWAIT))
        except BlockingIOError:
            if self.at is not None and now >= self.at:
                self.at = None
        self.wakeups.arm(self.at, now)

    def close(self) -> None:
        self.wakeups.close()
        self.socket.close()
        self.peer.close()


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    made.close()


async def test_the_socket_wakes(desk: Desk) -> None:
    desk.peer.send(b"one")
    desk.peer.send(b"two")
    await until(lambda: desk.taken == [b"one", b"two"])


async def test_the_timer_wakes_once_and_not_before_its_time(desk: Desk) -> None:
    now = desk.loop.time()
    desk.at = now + 0.0123
    desk.wakeups.arm(desk.at, now)
    await until(lambda: len(desk.times) > 0)
    assert desk.times[-1] >= now + 0.0123
    woken = len(desk.times)
    await asyncio.sleep(0.03)
    assert len(desk.times) == woken


async def test_a_time_that_has_passed_wakes_at_once_and_one_taken_back_never(desk: Desk) -> None:
    now = desk.loop.time()
    desk.wakeups.arm(now - 5, now)
    await until(lambda: len(desk.times) == 1)
    desk.wakeups.arm(now + 0.005, now)
    desk.wakeups.arm(None, now)
    await asyncio.sleep(0.02)
    assert len(desk.times) == 1
    desk.wakeups.arm(0.0, now)  # zero is a time like any other
    await until(lambda: len(desk.times) == 2)


async def test_what_is_held_back_stays_in_the_socket(desk: Desk) -> None:
    desk.wakeups.hold(True)
    desk.peer.send(b"one")
    await asyncio.sleep(0.01)
    assert desk.taken == []
    now = desk.loop.time()
    desk.wakeups.arm(now + 0.001, now)
    await until(lambda: desk.taken == [b"one"])
    desk.peer.send(b"two")
    desk.wakeups.hold(False)
    await until(lambda: desk.taken == [b"one", b"two"])


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_closing_gives_everything_back_but_the_socket() -> None:
    before = _descriptors()
    made = Desk()
    made.wakeups.close()
    made.wakeups.close()
    assert made.socket.fileno() >= 0
    made.close()
    assert _descriptors() == before
