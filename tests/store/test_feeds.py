"""Feeds by their token's hash, the lessons each shows, and what their history says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest
import pytest_asyncio

from sync_classroom.domain.accounts import Role, User
from sync_classroom.domain.feeds import Feed, FeedId, FeedKind, Marks
from sync_classroom.domain.ids import OccurrenceId, TeacherId, UserId
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from sync_classroom.store.database import Database
from tests.support.plan_changes import book, changing, withdraw
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
FEED = Feed(
    FeedId("f-1"), FeedKind.CLASSROOM, "remote-1-r1", "zh", "前台", UserId("u-1"), at("07:00")
)
MAKER = User(UserId("u-1"), "admin", "Admin", Role.ADMIN, "hash", "zh")
DAY = date(2026, 11, 23)
HELPER = TeacherId("remote-1-t1")


@pytest_asyncio.fixture(autouse=True)
async def planned(store: Database) -> None:
    await store.apply_roster(programme())
    await store.add_user(MAKER)


def _helped() -> Occurrence:
    made = lesson("o-1", seats=["remote-1-r1", "remote-2-r1"])
    return replace(made, seats=(replace(made.seats[0], assistant=HELPER), made.seats[1]))


async def _shown(store: Database, kind: FeedKind, target: str) -> list[str]:
    return [o.id for o in await store.feed_lessons(kind, target, DAY, DAY)]


async def test_feed_is_found_by_its_hash_alone(store: Database) -> None:
    await store.add_feed(FEED, b"one", most=9)
    assert await store.feed_by_token(b"one") == (FEED, MAKER)
    assert await store.feed_by_token(b"two") is None
    assert await store.feeds() == [(FEED, MAKER)]


async def test_a_feed_comes_with_its_maker_as_they_are_now(store: Database) -> None:
    await store.add_feed(FEED, b"one", most=9)
    other = User(UserId("u-2"), "other", "Other", Role.ADMIN, "hash", "zh")
    await store.add_user(other)
    gone = await store.update_user(MAKER.id, lambda u: replace(u, disabled_at=at("08:00")))
    assert await store.feed_by_token(b"one") == (FEED, gone)
    assert await store.feeds() == [(FEED, gone)]
    assert await store.change_feed(FEED.id, made_by=other.id)
    assert await store.feed_by_token(b"one") == (replace(FEED, made_by=other.id), other)


async def test_of_many_feeds_at_once_no_more_are_stored_than_there_may_be(store: Database) -> None:
    other = User(UserId("u-2"), "other", "Other", Role.TEACHER, "hash", "zh")
    await store.add_user(other)

    async def add(n: int, *, most: int, most_own: int | None = None) -> bool:
        feed = replace(FEED, id=FeedId(f"f-{n}"), made_by=other.id if most_own else MAKER.id)
        return await store.add_feed(feed, b"%d" % n, most=most, most_own=most_own)

    own = await asyncio.gather(*(add(n, most=9, most_own=2) for n in range(8)))
    assert sum(own) == 2
    all_of_them = await asyncio.gather(*(add(n, most=5) for n in range(10, 20)))
    assert sum(all_of_them) == 3
    known = [feed for feed, _ in await store.feeds()]
    assert len(known) == 5
    # An ended one makes room.
    await store.change_feed(known[0].id, revoked_at=at("09:00"))
    assert await add(30, most=5)
    assert not await add(31, most=5)


async def test_newest_feed_comes_first(store: Database) -> None:
    later = replace(FEED, id=FeedId("f-2"), made_at=at("07:30"))
    await store.add_feed(FEED, b"one", most=9)
    await store.add_feed(later, b"two", most=9)
    assert await store.feeds() == [(later, MAKER), (FEED, MAKER)]


async def test_renewed_feed_has_its_old_token_no_more(store: Database) -> None:
    await store.add_feed(FEED, b"one", most=9)
    assert await store.change_feed("f-1", token_hash=b"two")
    assert await store.feed_by_token(b"one") is None
    assert await store.feed_by_token(b"two") == (FEED, MAKER)


async def test_revoked_feed_is_known_but_cannot_be_changed(store: Database) -> None:
    await store.add_feed(FEED, b"one", most=9)
    assert await store.change_feed("f-1", used_at=at("07:10"), revoked_at=at("08:00"))
    assert await store.feeds() == []
    revoked = replace(FEED, used_at=at("07:10"), revoked_at=at("08:00"))
    assert await store.feed_by_token(b"one") == (revoked, MAKER)
    assert not await store.change_feed("f-1", token_hash=b"two")
    assert not await store.change_feed("f-0", used_at=at("08:00"))


@pytest.mark.parametrize(
    ("kind", "target", "shown"),
    [
        (FeedKind.CLASSROOM, "host-1-r1", ["o-1", "o-2"]),
        (FeedKind.CLASSROOM, "remote-1-r1", ["o-1"]),
        (FeedKind.CLASSROOM, "remote-3-r1", []),
        (FeedKind.TEACHER, "host-1-t1", ["o-1", "o-2"]),
        (FeedKind.TEACHER, "remote-1-t1", ["o-1"]),
        (FeedKind.TEACHER, "host-2-t1", ["o-2"]),
        (FeedKind.SCHOOL, "host-1", ["o-1", "o-2"]),
        (FeedKind.SCHOOL, "remote-2", ["o-1"]),
        (FeedKind.SCHOOL, "host-2", ["o-2"]),
        (FeedKind.SCHOOL, "remote-3", []),
    ],
)
async def test_lessons_are_those_it_concerns(
    store: Database, kind: FeedKind, target: str, shown: list[str]
) -> None:
    await book(store, _helped(), key="a", gap_s=0)
    met = lesson("o-2", "10:00", "10:40", participants=["host-2-t1"])
    await book(store, met, key="b", gap_s=0)
    await book(store, lesson("o-3", day="2026-11-24"), key="c", gap_s=0)
    assert await _shown(store, kind, target) == shown


async def test_withdrawn_lessons_stay_in_sight(store: Database) -> None:
    await book(store, _helped(), key="a", gap_s=0)
    await withdraw(store, "o-1", Change(ChangeKind.CANCELLED, at("08:00"), "u-1", "停电"))
    (found,) = await store.feed_lessons(FeedKind.SCHOOL, "remote-2", DAY, DAY)
    assert found.withdrawn


async def test_teacher_who_was_stood_in_for_still_sees_the_lesson(store: Database) -> None:
    await book(store, _helped(), key="a", gap_s=0)
    given = replace(_helped(), host=replace(_helped().host, teacher=TeacherId("host-1-t2")))
    await store.change_plan(changing(_helped(), given, key="b", now=at("08:00")), gap_s=0)
    assert await _shown(store, FeedKind.TEACHER, "host-1-t1") == ["o-1"]
    assert await _shown(store, FeedKind.TEACHER, "host-1-t2") == ["o-1"]
    assert await store.marks_of([OccurrenceId("o-1")]) == {
        "o-1": Marks(1, at("08:00"), (TeacherId("host-1-t1"),))
    }


async def test_marks_count_what_happened_after_the_lesson_was_made(store: Database) -> None:
    await book(store, lesson("o-1"), key="a", gap_s=0)
    known = await store.marks_of([OccurrenceId("o-1"), OccurrenceId("o-0")])
    assert known == {"o-1": Marks(0, at("07:00"))}
    for n in (1, 2):
        old = await store.get_occurrence(OccurrenceId("o-1"))
        assert old is not None
        now = at("08:00") + timedelta(minutes=n)
        await store.change_plan(
            changing(old, replace(old, title=f"{n}"), key=f"{n}", now=now), gap_s=0
        )
    assert await store.marks_of([OccurrenceId("o-1")]) == {"o-1": Marks(2, at("08:02"))}


async def test_many_lessons_are_asked_for_at_once(store: Database) -> None:
    await book(store, lesson("o-1"), key="a", gap_s=0)
    ids = [OccurrenceId("o-1"), *(OccurrenceId(f"x-{n}") for n in range(1200))]
    assert [o.id for o in await store.lessons_by_id(ids)] == ["o-1"]
    assert list(await store.marks_of(ids)) == ["o-1"]
    assert list(await store.lessons_by_id([])) == []
