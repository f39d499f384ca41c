"""Blocks of a file at the pace of a school's line, and no further than its quiet hours."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sync_classroom.coordinator.push_receiving import BLOCK, Fetch, LineOptions
from sync_classroom.domain.ids import ClassroomId
from sync_classroom.domain.school_lines import Line, Lines, parse_hours
from tests.support.library import added
from tests.support.pages import office
from tests.support.plans import at
from tests.support.pushes import ROOM, pushed
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
KBPS = 800  # 100 000 bytes a second


async def fetches(served: Site, count: int) -> list[Fetch]:
    order = await pushed(served)
    code, _ = await served.services.enrolment.make_code(ClassroomId(ROOM), actor="test")
    terminal, _ = await served.services.enrolment.enrol(code, label="t", address="192.0.2.9")
    receiver = served.services.receiver
    return [await receiver.fetch(terminal, order.id, "t1", asked=False) for _ in range(count)]


async def test_terminals_of_a_school_share_its_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = LineOptions(Lines(Line((parse_hours("00:00-24:00"),), KBPS)))
    async with office(tmp_path, lines=lines) as served:
        first, second = await fetches(served, 2)
        waited: list[float] = []
        real = asyncio.sleep

        async def pause(seconds: float) -> None:
            waited.append(seconds)
            served.seconds.now += seconds
            await real(0)

        blocks = served.services.receiver.blocks
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "sleep", pause)
            for fetch in (first, second):
                assert sum([len(b) async for b in blocks(fetch, 0, BLOCK + 9)]) == BLOCK + 9
        # The first block goes at once; everything after it waits for what went before.
        assert waited[0] == 0
        assert sum(waited) == pytest.approx((2 * BLOCK + 9) * 8 / (KBPS * 1000))


async def test_no_more_is_sent_when_the_quiet_hours_are_over(tmp_path: Path) -> None:
    lines = LineOptions(Lines(Line((parse_hours("09:00-11:00"),), 0)))
    async with office(tmp_path, lines=lines) as served:
        [fetch] = await fetches(served, 1)
        assert fetch.until == at("11:00")
        got = 0
        async for block in served.services.receiver.blocks(fetch, 0, fetch.version.bytes):
            got += len(block)
            served.clock.now = at("11:00")
        assert 0 < got < fetch.version.bytes


async def test_a_file_that_ends_early_ends_the_blocks(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await added(served, key="other")
        [fetch] = await fetches(served, 1)
        fetch.path.write_bytes(b"short")
        found = [b async for b in served.services.receiver.blocks(fetch, 2, fetch.version.bytes)]
        assert found == [b"ort"]
