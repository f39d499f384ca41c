"""Housekeeping over a real endpoint: the kernel's drops, the loop's lag, the end of a drain."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from sync_classroom.relay import drain, watch
from sync_classroom.relay.load import LAG_FULL_S
from sync_classroom.relay.notify import Notifier
from sync_classroom.relay.session import Direction
from sync_classroom.relay.watch import receive_drops, work_of
from tests.support.media_peers import relay
from tests.support.raw_peer import peers
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio


async def test_datagrams_the_kernel_had_no_room_for_are_seen() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as full:
        full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        full.bind(("127.0.0.1", 0))
        assert receive_drops(full.fileno()) == 0
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            for _ in range(100):
                sender.sendto(bytes(1000), full.getsockname())
        dropped = receive_drops(full.fileno())
        full.setblocking(False)
        kept = 0
        try:
            while full.recv(2000):
                kept += 1
        except BlockingIOError:
            pass
        assert dropped == 100 - kept > 0
        assert full.fileno() >= 0  # looking did not close it


async def test_what_is_no_socket_has_dropped_nothing() -> None:
    read, write = os.pipe()
    os.close(write)
    assert receive_drops(read) == 0
    os.close(read)
    assert receive_drops(read) == 0


async def test_the_loops_own_work_is_counted() -> None:
    async with relay() as (endpoint, _):
        before = work_of(endpoint)
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        assert 0.05 <= work_of(endpoint).cpu_s - before.cpu_s < 0.5
        assert (before.dropped, before.blocked) == (0, 0)


async def test_a_loop_that_is_late_shows_as_lag_and_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "TICK_S", 0.01)
    monkeypatch.setattr(watch, "SECOND_S", 0.05)
    async with relay(max_load=0.5) as (endpoint, _):
        task = asyncio.create_task(watch.watch(endpoint, Notifier({}, 1), lambda: None))
        gate = endpoint.entrance.gate
        while not gate.busy:
            time.sleep(2 * LAG_FULL_S)  # noqa: ASYNC251 - somebody blocks the loop
            await asyncio.sleep(0)
        assert endpoint.lag.cumulative[-1] > 5
        assert endpoint.lag.total > LAG_FULL_S
        await until(lambda: not gate.busy)
        task.cancel()
        await asyncio.wait({task})


async def test_the_service_manager_reads_what_the_relay_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "TICK_S", 0.005)
    monkeypatch.setattr(watch, "SECOND_S", 0.01)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000"}
        async with relay(max_load=0.5) as (endpoint, _), peers(1) as (host,):
            task = asyncio.create_task(
                watch.watch(endpoint, Notifier(environment, 1), lambda: None)
            )

            async def says(status: str) -> None:
                wanted = f"WATCHDOG=1\nSTATUS={status}".encode()
                while await asyncio.to_thread(manager.recv, 200) != wanted:
                    pass

            await says("0 rooms, 0 sessions")
            host.open(endpoint, Direction.PUBLISH)
            await says("1 rooms, 1 sessions")
            endpoint.begin_drain()
            await says("1 rooms, 1 sessions, draining")
            task.cancel()
            await asyncio.wait({task})


async def test_the_end_of_a_drain_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "TICK_S", 0.005)
    monkeypatch.setattr(watch, "SECOND_S", 0.01)
    monkeypatch.setattr(drain, "QUIET_S", 0.05)
    told = []
    async with relay() as (endpoint, _), peers(1) as (host,):
        host.open(endpoint, Direction.PUBLISH)
        task = asyncio.create_task(watch.watch(endpoint, Notifier({}, 1), lambda: told.append(1)))
        endpoint.begin_drain()
        looks = endpoint.lag.cumulative[-1]
        await until(lambda: endpoint.lag.cumulative[-1] > looks + 20)
        assert told == []
        host.session.close("the lesson is over")
        await until(lambda: told)
        looks = endpoint.lag.cumulative[-1]
        await until(lambda: endpoint.lag.cumulative[-1] > looks + 20)
        assert told == [1]
        task.cancel()
        await asyncio.wait({task})
