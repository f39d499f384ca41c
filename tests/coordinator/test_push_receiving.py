"""What a terminal's inbox says of its school's line; the rest is in tests/web."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.coordinator.push_files import LineOptions
from sync_classroom.domain.accounts import Terminal
from sync_classroom.domain.ids import ClassroomId, SchoolId
from sync_classroom.domain.school_lines import Line, Lines, parse_hours
from tests.support.pages import office
from tests.support.pushes import ROOM
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
CACHE = "https://cache.example:8443"
LINES = LineOptions(
    Lines(Line((parse_hours("00:00-24:00"),), 0), caches={SchoolId("remote-1"): CACHE})
)


async def terminal(served: Site, room: str = ROOM) -> Terminal:
    code, _ = await served.services.enrolment.make_code(ClassroomId(room), actor="test")
    return (await served.services.enrolment.enrol(code, label="t", address="192.0.2.9"))[0]


async def test_rooms_of_a_school_are_told_one_address_and_others_none(tmp_path: Path) -> None:
    async with office(tmp_path, lines=LINES) as served:
        inbox = served.services.receiver.inbox
        first = (await inbox(await terminal(served))).cache
        assert first is not None
        assert first[0] == CACHE
        assert (await inbox(await terminal(served, "remote-1-r2"))).cache == first
        assert (await inbox(await terminal(served, "remote-2-r1"))).cache is None


async def test_a_device_that_is_taken_away_knows_the_address_no_more(tmp_path: Path) -> None:
    async with office(tmp_path, lines=LINES) as served:
        inbox, enrolment = served.services.receiver.inbox, served.services.enrolment
        gone, stays = await terminal(served), await terminal(served, "remote-1-r2")
        first = (await inbox(gone)).cache
        await enrolment.revoke(gone.id)
        second = (await inbox(stays)).cache
        await terminal(served, "remote-1-r2")  # another device in its place
        third = (await inbox(stays)).cache
        assert len({first, second, third, None}) == 4
