"""What a service tells systemd, over a real datagram socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_classroom.relay.notify import SIGNS_PER_WATCHDOG, Notifier
from tests.support.waiting import PATIENCE_S

PID = 77


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """systemd's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.setblocking(False)
        yield bound


def heard(manager: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(manager.recv(1000).decode())
        except BlockingIOError:
            return found


def notifier(manager: socket.socket, **more: str) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": str(manager.getsockname()), **more}, PID)


def test_ready_and_stopping_are_said(manager: socket.socket) -> None:
    speaker = notifier(manager)
    speaker.ready()
    speaker.alive(0.0, "busy")  # no watchdog asked for
    speaker.stopping()
    assert heard(manager) == ["READY=1", "STOPPING=1"]
    assert speaker.every_s is None


def test_signs_of_life_come_three_times_in_the_watchdog_interval(manager: socket.socket) -> None:
    speaker = notifier(manager, WATCHDOG_USEC="9000000", WATCHDOG_PID=str(PID))
    assert speaker.every_s == 9.0 / SIGNS_PER_WATCHDOG == 3.0
    for now in (100.0, 100.1, 102.9, 103.0, 105.9, 106.5):
        speaker.alive(now, f"at {now}")
    assert heard(manager) == [f"WATCHDOG=1\nSTATUS=at {now}" for now in (100.0, 103.0, 106.5)]


def test_a_watchdog_meant_for_another_process_is_not_fed(manager: socket.socket) -> None:
    speaker = notifier(manager, WATCHDOG_USEC="9000000", WATCHDOG_PID=str(PID + 1))
    speaker.alive(0.0, "x")
    assert heard(manager) == []


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("\0sync-classroom-test-notify")
        Notifier({"NOTIFY_SOCKET": "@sync-classroom-test-notify"}, PID).ready()
        assert bound.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "environment",
    [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"WATCHDOG_USEC": "soon"}],
)
def test_without_a_manager_nothing_happens(environment: dict[str, str]) -> None:
    speaker = Notifier(environment, PID)
    speaker.ready()
    speaker.alive(0.0, "x")
    speaker.stopping()


@pytest.mark.asyncio
async def test_signs_of_life_are_given_while_something_is_waited_for(
    manager: socket.socket,
) -> None:
    speaker = notifier(manager, WATCHDOG_USEC="30000", WATCHDOG_PID=str(PID))
    stop = asyncio.Event()
    signs: list[str] = []

    def read() -> None:
        signs.extend(heard(manager))
        if len(signs) >= 3:
            stop.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(manager.fileno(), read)
    async with asyncio.timeout(PATIENCE_S):
        await speaker.until(stop, "serving")
    loop.remove_reader(manager.fileno())
    assert set(signs) == {"WATCHDOG=1\nSTATUS=serving"}
