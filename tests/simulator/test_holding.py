"""Holding a session: it is closed however it ends, and what went wrong is told apart."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sync_classroom.simulator.holding import hold
from sync_classroom.simulator.transport import TransportError

pytestmark = pytest.mark.asyncio


class Session:
    """A session that goes on for ever."""

    def __init__(self) -> None:
        self.closed = 0

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed += 1


async def held(*works: Any) -> tuple[Session, TransportError | None]:
    session = Session()
    try:
        return session, await hold(session, *works, name="test")  # type: ignore[arg-type]
    finally:
        assert session.closed == 1


async def nothing() -> None:
    return


async def fails(error: Exception) -> None:
    raise error


async def test_it_lasts_until_the_first_work_ends_and_the_others_are_stopped() -> None:
    stopped = asyncio.Event()

    async def goes_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    _, broken = await held(goes_on(), nothing())
    assert broken is None
    assert stopped.is_set()


async def test_a_broken_transport_is_an_answer_anything_else_is_raised() -> None:
    error = TransportError("gone")
    assert (await held(fails(error)))[1] is error
    with pytest.raises(ZeroDivisionError):
        await held(fails(ZeroDivisionError()))


async def test_whoever_is_cancelled_closes_the_session_too() -> None:
    session = Session()
    task = asyncio.create_task(hold(session, name="test"))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert session.closed == 1
