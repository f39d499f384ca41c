"""Watchers receive and do nothing else; each look is written down before it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.domain.accounts import Role, User
from sync_classroom.domain.ids import OccurrenceId, UserId
from sync_classroom.domain.problems import ProblemError
from tests.coordinator.test_grants import claims
from tests.support.coordination import Bench, bench
from tests.support.plans import at, lesson

pytestmark = pytest.mark.asyncio
ONE = OccurrenceId("o-1")
LESSON = lesson("o-1", seats=[f"far-1-r{n}" for n in range(1, 4)])
NEXT = lesson(
    "o-2",
    "09:10",
    "09:50",
    room="host-2-r1",
    school="host-2",
    teacher="host-2-t1",
    seats=["far-2-r1"],
)
USER = User(UserId("u-7"), "bureau", "教育局", Role.REVIEWER, "hash", "zh")


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    """At 09:05 one lesson is live and another open."""
    async with bench(tmp_path) as made:
        await made.add(LESSON, NEXT)
        made.clock.now = at("09:05")
        await made.sweep()
        made.relay.host_flows("o-1")
        await made.sweep()
        yield made


async def test_lessons_that_are_open_or_live_are_shown(table: Bench) -> None:
    views = await table.booth.watching.now()
    assert [(v.occurrence.id, v.run.state.value) for v in views] == [
        ("o-1", "live"),
        ("o-2", "open"),
    ]


async def test_a_watcher_may_receive_under_a_name_of_its_own_and_nothing_else(
    table: Bench,
) -> None:
    (wall,) = await table.booth.watching.watch(ONE, USER, page="1a2b3c4d", look=False)
    (look,) = await table.booth.watching.watch(ONE, USER, page="1a2b3c4d", look=True)
    seats = [f"seat:{s.id}" for s in LESSON.seats]
    assert (wall["sources"], wall["publish"]) == (["camera", *seats], [])
    assert (look["sources"], look["publish"]) == (["camera", "screen", "called"], [])
    assert [wall["subscribe"][kind] for kind in ("audio", "video")] == [0, 4]
    assert [look["subscribe"][kind] for kind in ("audio", "video")] == [2, 3]
    for given, peer in ((wall, "viewer:wall-0:u-7-1a2b3c4d"), (look, "viewer:look:u-7-1a2b3c4d")):
        told = claims(given["subscribe"]["token"])
        assert (told["room"], told["peer"], told["dir"]) == ("o-1", peer, "subscribe")
        assert told["exp"] == int(at("10:10").timestamp())
        assert "mk" not in told
    logged = await table.store.accesses(limit=9)
    assert [(e.actor, e.what, e.target, e.at) for e in logged] == [
        ("bureau", "wall.look", "o-1", at("09:05")),
        ("bureau", "wall.watch", "o-1", at("09:05")),
    ]


@pytest.mark.parametrize(
    ("lesson_", "code"), [("o-2", "lesson_not_live_now"), ("o-9", "unknown_lesson")]
)
async def test_what_is_not_live_is_not_given_and_not_written_down(
    table: Bench, lesson_: str, code: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        await table.booth.watching.watch(OccurrenceId(lesson_), USER, page="1a2b3c4d", look=True)
    assert caught.value.code == code
    assert await table.store.accesses(limit=9) == []
