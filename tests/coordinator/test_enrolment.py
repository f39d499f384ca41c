"""A browser becomes a classroom's terminal, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sync_classroom.coordinator.enrolment import ALPHABET, normalise_code
from sync_classroom.domain.ids import ClassroomId, TerminalId
from sync_classroom.domain.problems import ProblemError, ProblemKind
from tests.support.web import Site, site, stored_bytes

pytestmark = pytest.mark.asyncio
ROOM = ClassroomId("far-1-r1")


async def make(served: Site, room: str = ROOM) -> str:
    code, _ = await served.services.enrolment.make_code(ClassroomId(room), actor="admin")
    return code


async def refused(served: Site, code: str, address: str = "192.0.2.1") -> str:
    with pytest.raises(ProblemError) as caught:
        await served.services.enrolment.enrol(code, label="", address=address)
    return caught.value.code


async def test_a_code_makes_the_rooms_terminal(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        enrolment = served.services.enrolment
        code, expires_at = await enrolment.make_code(ROOM, actor="admin")
        assert len(code) == 8
        assert set(code) <= set(ALPHABET)
        assert expires_at == served.clock() + timedelta(minutes=15)
        typed = f" {code[:4].lower()}-{code[4:].lower()} "
        terminal, token = await enrolment.enrol(typed, label="Chromium\n156", address="192.0.2.1")
        assert terminal.classroom == ROOM
        assert terminal.label == "Chromium156"
        assert await enrolment.terminal(token) == terminal
        data = stored_bytes(tmp_path)
        assert token.encode() not in data
        assert code.encode() not in data


async def test_double_enrolment_ten_at_once_one_wins(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        code = await make(served)
        outcomes = await asyncio.gather(
            *(
                served.services.enrolment.enrol(code, label=f"{n}", address=f"192.0.2.{n}")
                for n in range(10)
            ),
            return_exceptions=True,
        )
        won = [o for o in outcomes if not isinstance(o, BaseException)]
        assert len(won) == 1
        assert {o.code for o in outcomes if isinstance(o, ProblemError)} == {"code_wrong"}
        (terminal,) = await served.store.terminals()
        assert terminal.id == won[0][0].id


async def test_a_code_is_good_for_fifteen_minutes(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        early, late = await make(served), await make(served)
        served.clock.turn(minutes=14, seconds=59)
        await served.services.enrolment.enrol(early, label="", address="192.0.2.1")
        served.clock.turn(seconds=1)
        assert await refused(served, late) == "code_wrong"
        assert await refused(served, early) == "code_wrong"


@pytest.mark.parametrize(
    "code", ["", "K7M2P9Q", "K7M2P9QX9", "K7M2P9QO", "１２３４５６７８", "x" * 999]
)
async def test_a_code_that_cannot_be_one_is_refused(tmp_path: Path, code: str) -> None:
    assert normalise_code(code) is None
    async with site(tmp_path, people=False) as served:
        assert await refused(served, code) == "code_wrong"


async def test_guessing_codes_is_slowed_down_by_address(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        code = await make(served)
        for _ in range(10):
            assert await refused(served, "K7M2P9QX") == "code_wrong"
        assert await refused(served, code) == "too_many_tries"
        await served.services.enrolment.enrol(code, label="", address="198.51.100.7")
        served.seconds.now += 30
        assert await refused(served, "K7M2P9QX") == "code_wrong"


async def test_forty_eight_rooms_behind_one_address_enrol_in_a_row(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        for _ in range(48):
            code = await make(served)
            await served.services.enrolment.enrol(code, label="", address="192.0.2.1")


async def test_enrolling_again_takes_the_former_devices_place(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, old = await served.device(ROOM)
        terminal, new = await served.device(ROOM)
        assert await served.services.enrolment.terminal(old) is None
        found = await served.services.enrolment.terminal(new)
        assert found is not None
        assert found.id == terminal


async def test_a_revoked_device_is_nobody(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        terminal, token = await served.device(ROOM)
        await served.services.enrolment.revoke(TerminalId(terminal))
        assert await served.services.enrolment.terminal(token) is None
        with pytest.raises(ProblemError) as caught:
            await served.services.enrolment.revoke(TerminalId(terminal))
        assert caught.value.code == "terminal_unknown"


@pytest.mark.parametrize(
    ("room", "code", "kind"),
    [
        ("nowhere", "classroom_unknown", ProblemKind.NOT_FOUND),
        ("far-1-old", "classroom_retired", ProblemKind.CONFLICT),
    ],
)
async def test_a_room_that_is_not_there_gets_no_code(
    tmp_path: Path, room: str, code: str, kind: ProblemKind
) -> None:
    async with site(tmp_path, people=False) as served:
        with pytest.raises(ProblemError) as caught:
            await make(served, room)
        assert (caught.value.code, caught.value.kind) == (code, kind)
