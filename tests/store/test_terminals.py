"""A code makes one terminal, whoever tries at the same moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from sync_classroom.domain.accounts import EnrolmentCode, Terminal
from sync_classroom.domain.ids import ClassroomId, TerminalId
from sync_classroom.store.database import Database
from sync_classroom.store.terminals import CODES_KEPT
from tests.support.plans import at
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio

NOW = at("08:00")
ROOM, OTHER = ClassroomId("remote-1-r1"), ClassroomId("remote-1-r2")
CODE = EnrolmentCode(b"\x00code", ROOM, "u-1", NOW, NOW + timedelta(minutes=15))


def device(name: str, room: ClassroomId = ROOM) -> Terminal:
    return Terminal(TerminalId(name), room, f"token-{name}".encode(), NOW, f"label {name}")


@pytest_asyncio.fixture(autouse=True)
async def roster(store: Database) -> None:
    await store.apply_roster(programme())


async def enrol(store: Database, name: str, room: ClassroomId = ROOM) -> Terminal:
    code = replace(CODE, code_hash=f"code-{name}".encode(), classroom=room)
    await store.add_code(code)
    enrolled = await store.redeem_code(code.code_hash, device(name), now=NOW)
    assert enrolled is not None
    return enrolled


async def test_a_code_makes_a_terminal_of_its_own_classroom(store: Database) -> None:
    await store.add_code(CODE)
    enrolled = await store.redeem_code(CODE.code_hash, device("a", OTHER), now=NOW)
    assert enrolled == device("a", ROOM)
    assert await store.terminal_by_token(b"token-a") == enrolled
    assert await store.terminals() == [enrolled]


async def test_a_code_works_once(store: Database) -> None:
    await store.add_code(CODE)
    first = await store.redeem_code(CODE.code_hash, device("a"), now=NOW)
    assert await store.redeem_code(CODE.code_hash, device("b"), now=NOW) is None
    assert await store.terminals() == [first]


async def test_a_code_works_until_the_instant_it_expires(store: Database) -> None:
    await store.add_code(CODE)
    assert await store.redeem_code(CODE.code_hash, device("a"), now=CODE.expires_at) is None
    last = CODE.expires_at - timedelta(microseconds=1)
    assert await store.redeem_code(CODE.code_hash, device("a"), now=last) is not None


async def test_an_unknown_code_makes_nothing(store: Database) -> None:
    assert await store.redeem_code(b"guess", device("a"), now=NOW) is None
    assert await store.terminals() == []


async def test_of_ten_simultaneous_redeems_of_one_code_one_succeeds(store: Database) -> None:
    await store.add_code(CODE)
    outcomes = await asyncio.gather(
        *(store.redeem_code(CODE.code_hash, device(f"t{n}"), now=NOW) for n in range(10))
    )
    [winner] = [t for t in outcomes if t is not None]
    assert await store.terminals() == [winner]


async def test_of_ten_simultaneous_codes_for_one_room_the_last_terminal_stays(
    store: Database,
) -> None:
    for n in range(10):
        await store.add_code(replace(CODE, code_hash=f"code-{n}".encode()))
    outcomes = await asyncio.gather(
        *(store.redeem_code(f"code-{n}".encode(), device(f"t{n}"), now=NOW) for n in range(10))
    )
    assert None not in outcomes
    [in_use] = await store.terminals()
    assert in_use in outcomes
    by_token = [await store.terminal_by_token(f"token-t{n}".encode()) for n in range(10)]
    assert [t for t in by_token if t is not None] == [in_use]


async def test_a_terminal_id_or_token_in_use_is_refused_and_the_code_stays_good(
    store: Database,
) -> None:
    first = await enrol(store, "a")
    await store.add_code(CODE)
    for taken in (replace(device("b"), id=first.id), replace(device("b"), token_hash=b"token-a")):
        with pytest.raises(ValueError, match="in use"):
            await store.redeem_code(CODE.code_hash, taken, now=NOW)
    assert await store.terminals() == [first]
    assert await store.redeem_code(CODE.code_hash, device("b"), now=NOW) is not None


async def test_enrolling_again_revokes_the_former_terminal_of_that_room_only(
    store: Database,
) -> None:
    await enrol(store, "old")
    other = await enrol(store, "other", OTHER)
    new = await enrol(store, "new")
    assert await store.terminal_by_token(b"token-old") is None
    assert await store.terminals() == [new, other]


async def test_a_code_cannot_be_added_twice_or_for_no_room(store: Database) -> None:
    await store.add_code(CODE)
    with pytest.raises(ValueError, match="exists already"):
        await store.add_code(CODE)
    with pytest.raises(ValueError, match="no classroom 'nowhere'"):
        await store.add_code(replace(CODE, code_hash=b"x", classroom=ClassroomId("nowhere")))


async def test_codes_that_expired_long_ago_are_forgotten(store: Database) -> None:
    await store.add_code(CODE)
    much_later = CODE.expires_at + CODES_KEPT + timedelta(seconds=1)
    await store.add_code(replace(CODE, code_hash=b"new", created_at=much_later))
    await store.add_code(replace(CODE, created_at=much_later))  # free again: it was forgotten


async def test_touching_keeps_what_is_not_given(store: Database) -> None:
    enrolled = await enrol(store, "a")
    check = {"camera": "ok", "path": {"kind": "udp", "rtt_ms": 18.5, "loss": None}, "摄像头": [1]}
    await store.touch_terminal(
        enrolled.id, seen_at=at("08:01"), page_version="1.2", selfcheck=check
    )
    await store.touch_terminal(enrolled.id, seen_at=at("08:02:00.000001"))
    expected = replace(
        enrolled,
        last_seen_at=at("08:02:00.000001"),
        page_version="1.2",
        selfcheck=check,
        selfcheck_at=at("08:01"),
    )
    assert await store.terminal_by_token(enrolled.token_hash) == expected
    assert await store.terminals() == [expected]


async def test_a_revoked_terminal_is_gone_and_cannot_be_touched_or_revoked_again(
    store: Database,
) -> None:
    enrolled = await enrol(store, "a")
    assert await store.revoke_terminal(enrolled.id, now=NOW) is True
    assert await store.revoke_terminal(enrolled.id, now=NOW) is False
    assert await store.revoke_terminal(TerminalId("unknown"), now=NOW) is False
    await store.touch_terminal(enrolled.id, seen_at=at("09:00"))
    assert await store.terminal_by_token(enrolled.token_hash) is None
    assert await store.terminals() == []
