"""Blocks of a file at the pace of a school's line, and no further than its quiet hours; what a
school's cache may have."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from sync_classroom.coordinator.push_files import BLOCK, Fetch, LineOptions, strangers
from sync_classroom.domain.ids import ClassroomId, SchoolId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.school_lines import Line, Lines, parse_hours
from tests.support.databases import file_store
from tests.support.library import PDF, added
from tests.support.pages import office
from tests.support.plans import at
from tests.support.pushes import ROOM, pushed
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
SCHOOL = SchoolId("remote-1")
KBPS = 8000  # 1 000 000 bytes a second


async def fetches(served: Site, count: int) -> list[Fetch]:
    order = await pushed(served)
    code, _ = await served.services.enrolment.make_code(ClassroomId(ROOM), actor="test")
    terminal, _ = await served.services.enrolment.enrol(code, label="t", address="192.0.2.9")
    files = served.services.push_files
    return [await files.fetch(terminal, order.id, "t1", asked=False) for _ in range(count)]


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

        blocks = served.services.push_files.blocks
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "sleep", pause)
            for fetch in (first, second):
                assert sum([len(b) async for b in blocks(fetch, 0, BLOCK + 9)]) == BLOCK + 9
        # The first block goes at once; everything after it waits for what went before. (All of it
        # fits one grant of the line: the database's clock does not turn with ours.)
        assert waited[0] == 0
        assert sum(waited) == pytest.approx((2 * BLOCK + 9) * 8 / (KBPS * 1000))


async def test_two_coordinators_share_a_school_s_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So slow that one block takes two hours: whatever time the test takes is nothing to it.
    lines = LineOptions(Lines(Line((parse_hours("00:00-24:00"),), 0), kbps={SCHOOL: 0.07}))
    block_s = BLOCK * 8 / 70
    async with office(tmp_path, lines=lines) as served:
        [fetch] = await fetches(served, 1)
        store, here = await file_store(tmp_path, "pages.db"), served.services.push_files
        there = replace(here, store=store, _turns={}, _carried={})
        waited: list[float] = []
        real = asyncio.sleep

        async def pause(seconds: float) -> None:
            waited.append(seconds)
            await real(0)

        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "sleep", pause)
            for files in (here, there, here):
                assert [len(b) async for b in files.blocks(fetch, 0, BLOCK)] == [BLOCK]
        await store.close()
        assert waited == [0, pytest.approx(block_s, rel=0.1), pytest.approx(2 * block_s, rel=0.1)]


async def test_what_the_store_does_not_grant_is_not_sent(tmp_path: Path) -> None:
    lines = LineOptions(Lines(Line((parse_hours("00:00-24:00"),), KBPS)))
    async with office(tmp_path, lines=lines) as served:
        [fetch] = await fetches(served, 1)
        async with served.store._database.write() as connection:
            await connection.execute(text("DROP TABLE push_lines"))
        with pytest.raises(ProblemError):
            [b async for b in served.services.push_files.blocks(fetch, 0, BLOCK)]


async def test_a_cache_has_what_is_pushed_to_its_school_by_the_school_s_secret(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        files, sha256 = served.services.push_files, hashlib.sha256(PDF).hexdigest()
        order = await pushed(served, expires_at=at("12:00"))
        other = await pushed(served, "remote-2-r1", key="other")
        token = await served.store.line_token(SCHOOL, "s1")
        await served.store.line_token(SchoolId("remote-2"), "s2")
        fetch = await files.fetch_cached(token, sha256, order.id, asked=False)
        assert (fetch.school, fetch.cached, fetch.version.bytes) == (SCHOOL, True, len(PDF))
        for secret, digest, push in (
            ("s0", sha256, order.id), ("s2", sha256, order.id), (token, "0" * 64, order.id),
            (token, sha256, other.id), (token, sha256, ""),
        ):  # fmt: skip
            with pytest.raises(ProblemError) as refused:
                await files.fetch_cached(secret, digest, push, asked=False)
            assert refused.value.code == "push_not_here"
        served.clock.now = at("12:00")
        with pytest.raises(ProblemError) as refused:
            await files.fetch_cached(token, sha256, order.id, asked=True)
        assert refused.value.code == "push_not_open"


async def test_what_went_over_a_line_is_counted_and_kept_while_the_store_is_away(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        files = served.services.push_files
        [fetch] = await fetches(served, 1)
        order = await served.services.pushes.one(fetch.push)
        cached = replace(fetch, cached=True)
        for each, last in ((fetch, 10), (cached, 1000), (cached, 24)):
            [b async for b in files.blocks(each, 0, last)]
        assert await files.carried(order) == {}
        async with served.store._database.write() as connection:
            await connection.execute(text("ALTER TABLE push_carried RENAME TO away"))
        await files.write_carried()
        async with served.store._database.write() as connection:
            await connection.execute(text("ALTER TABLE away RENAME TO push_carried"))
        await files.write_carried()
        [b async for b in files.blocks(fetch, 0, 5)]
        await files.write_carried()
        await files.write_carried()
        assert await files.carried(order) == {SCHOOL: (1024, 15)}


async def test_lines_of_schools_the_roster_lacks_are_named_once(tmp_path: Path) -> None:
    odd = SchoolId("remote-99")
    general = Line((parse_hours("00:00-24:00"),), 0)
    lines = Lines(
        general, hours={odd: ()}, kbps={SCHOOL: 9, odd: 9}, caches={odd: "https://c.example"}
    )
    async with office(tmp_path, lines=LineOptions(lines)) as served:
        files = served.services.push_files
        with capture_logs() as said:
            files.name_strangers()
            files.name_strangers()
        told = [(e["setting"], e["school"]) for e in said if e["event"] == "push.unknown_school"]
        assert told == [
            (f"push.{key}", odd)
            for key in ("school_quiet_hours", "school_rate_kbps", "school_caches")
        ]
        roster = served.services.roster.current()
    # Without a roster nobody can be missing from it; with the school there nothing is wrong.
    assert strangers(lines, ()) == []
    assert strangers(lines, {*roster.schools, odd}) == []
    [first, *_] = strangers(lines, roster.schools)
    assert (first.code, first.field, first.value) == (
        "push_school_unknown", "push.school_quiet_hours", odd
    )  # fmt: skip


async def test_no_more_is_sent_when_the_quiet_hours_are_over(tmp_path: Path) -> None:
    lines = LineOptions(Lines(Line((parse_hours("09:00-11:00"),), 0)))
    async with office(tmp_path, lines=lines) as served:
        [fetch] = await fetches(served, 1)
        assert fetch.until == at("11:00")
        got = 0
        async for block in served.services.push_files.blocks(fetch, 0, fetch.version.bytes):
            got += len(block)
            served.clock.now = at("11:00")
        assert 0 < got < fetch.version.bytes


async def test_a_file_that_ends_early_ends_the_blocks(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await added(served, key="other")
        [fetch] = await fetches(served, 1)
        fetch.path.write_bytes(b"short")
        found = [b async for b in served.services.push_files.blocks(fetch, 2, fetch.version.bytes)]
        assert found == [b"ort"]
