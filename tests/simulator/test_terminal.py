"""A virtual terminal and the terminal protocol, against the real web side of a coordinator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.simulator.terminal import Behaviour, CommandRefusedError, VirtualTerminal
from tests.support.plan_changes import book
from tests.support.plans import lesson
from tests.support.waiting import PATIENCE_S, until
from tests.support.web import Site, site

pytestmark = pytest.mark.asyncio


async def _until(condition: object) -> None:
    """Wait for a condition; fail after the deadline."""
    assert callable(condition)
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def _planned(served: Site, state: LessonState) -> OccurrenceId:
    """A lesson of host-1-r1 for far-1-r1 and far-1-r2."""
    occurrence = lesson("o-1", "08:00", "08:40", seats=("far-1-r1", "far-1-r2"))
    await book(served.store, occurrence, key="k", gap_s=0)
    run = LessonRun(occurrence.id, state=state, opened_at=served.clock(), live_at=served.clock())
    assert await served.store.save_run(run) is not None
    return occurrence.id


@asynccontextmanager
async def _terminal(
    served: Site, classroom: str, behaviour: Behaviour | None = None
) -> AsyncIterator[VirtualTerminal]:
    """A running virtual terminal of a classroom."""
    _, token = await served.device(classroom)
    async with aiohttp.ClientSession() as http:
        terminal = VirtualTerminal(
            http, served.url, token, name=classroom, behaviour=behaviour or Behaviour()
        )
        task = asyncio.create_task(terminal.run())
        try:
            yield terminal
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_it_learns_its_plan_and_its_clock(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        occurrence = await _planned(served, LessonState.PLANNED)
        async with _terminal(served, "far-1-r1") as terminal:
            await _until(lambda: occurrence in terminal.lessons)
            await _until(lambda: terminal.clock_offset_ms != 0)
            assert terminal.lessons[occurrence]["role"] == "remote"
            assert terminal.lessons[occurrence]["seat"]["id"]
            assert terminal.tally.state == "lobby"


async def test_a_room_stays_in_its_live_lesson_while_the_next_one_opens(tmp_path: Path) -> None:
    """The next lesson opens minutes before; a room that went there would miss the end of this."""
    async with site(tmp_path, people=False) as served:
        now = await _planned(served, LessonState.LIVE)
        following = lesson("o-2", "08:40", "09:20", room="host-2-r1", seats=("far-1-r1",))
        await book(served.store, following, key="k2", gap_s=0)
        run = LessonRun(following.id, state=LessonState.OPEN, opened_at=served.clock())
        assert await served.store.save_run(run) is not None
        async with _terminal(served, "far-1-r1") as terminal:
            await _until(lambda: len(terminal.lessons) == 2)
            assert terminal.current() == now
            terminal.live[now] = {**terminal.live.get(now, {}), "state": "ended"}
            assert terminal.current() == following.id


async def test_a_hand_is_raised_and_a_foreign_command_refused(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        occurrence = await _planned(served, LessonState.LIVE)
        async with _terminal(served, "far-1-r1") as terminal:
            await _until(lambda: occurrence in terminal.lessons)
            await terminal.command("hand", lesson=occurrence, raised=True)
            floor = await served.store.get_floor(occurrence)
            assert floor is not None
            assert [h.seat for h in floor.hands] == [terminal.lessons[occurrence]["seat"]["id"]]
            with pytest.raises(CommandRefusedError):
                await terminal.command("end", lesson=occurrence)


async def test_what_a_room_noted_is_sent_when_it_leaves_the_lesson(tmp_path: Path) -> None:
    """No media in this test: the room says that nothing came, by the server's clock."""
    async with site(tmp_path, people=False) as served:
        occurrence = await _planned(served, LessonState.LIVE)
        async with _terminal(served, "far-1-r1") as terminal:
            await _until(lambda: terminal.clock_offset_ms != 0)
            await _until(lambda: terminal.journal.noting_s >= 1)
            run = await served.store.get_run(occurrence)
            assert run is not None
            ended = replace(run, state=LessonState.ENDED, ended_at=served.clock())
            assert await served.store.save_run(ended) is not None
            await served.bus.publish(
                "lesson", {"type": "changed", "occurrence": occurrence, "what": "state"}
            )
            await until(lambda: served.store.samples_of([occurrence]))
            await _until(lambda: len(terminal.journal) == 0)
        sample = (await served.store.samples_of([occurrence]))[-1]
        assert sample.seat == "o-1-s0"
        assert (sample.moved_ms, sample.frames, sample.sound_bytes) == (0, 0, 0)
        # The test's clock stands at eight o'clock of another day than the machine's.
        assert sample.measured
        assert abs((sample.from_at - served.clock()).total_seconds()) < 60
        assert abs((sample.clock_from - served.clock()).total_seconds()) > 60


async def test_an_unknown_token_is_given_up(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served, aiohttp.ClientSession() as http:
        terminal = VirtualTerminal(http, served.url, "x" * 43, name="stranger")
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(PATIENCE_S):
                await terminal.run()
        assert "does not know this terminal's token" in repr(caught.value.exceptions)


async def test_a_terminal_that_leaves_ends_by_itself(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        async with _terminal(served, "far-1-r1", Behaviour(leave_s=0.05)) as terminal:
            await _until(lambda: terminal.tally.state == "left")
        await _until(lambda: "far-1-r1" not in served.services.hub.online())
