"""Scoring over a real store: only what was watched, until the session is over, by one rubric."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_classroom.coordinator.research import Session
from sync_classroom.coordinator.scoring import ScoringService
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonState
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.recordings import RecordingState
from sync_classroom.domain.rubric import Item
from tests.coordinator.test_meetings import made, plan, refusal, who  # noqa: F401 - a fixture
from tests.coordinator.test_study import FILE, recorded
from tests.support.coordination import Bench

pytestmark = pytest.mark.asyncio
ITEMS = (Item("目标", 1, 10), Item("过程", 3, 5))
OWN = OccurrenceId("own")


async def watched(found: Bench) -> Session:
    await recorded(found, "own", "host-1", RecordingState.SAVED)
    session = await plan(found)
    leader = who(found, session, "host-1-t1")
    await found.booth.meetings.join(session, leader, "page-1", anyway=False)
    await found.booth.study.watch(session, leader, "page-1", OWN, FILE.name)
    return session


async def test_what_was_watched_is_scored_until_the_session_is_over(made: Bench) -> None:  # noqa: F811
    session = await watched(made)
    service = ScoringService(made.store, made.bus, rubric=ITEMS, clock=made.clock)
    leader = who(made, session, "host-1-t1")
    assert [o.id for o in await service.lessons(session)] == [OWN]
    await service.score(session, leader, OWN, (9, 4), "好", items=ITEMS)
    await service.score(session, leader, OWN, (9, 5), "", items=ITEMS)
    ((scores,),) = (await service.scores(session)).values()
    assert (scores.name, scores.points, scores.remark) == ("1老师", (9, 5), "")
    unseen = service.score(session, leader, OccurrenceId("x"), (9, 5), "", items=ITEMS)
    assert await refusal(unseen) == "lesson_not_watched"
    run = await made.store.get_run(session.occurrence.id)
    assert run is not None
    await made.store.save_run(replace(run, state=LessonState.ENDED, ended_at=made.clock()))
    late = service.score(session, leader, OWN, (1, 1), "", items=ITEMS)
    assert await refusal(late) == "scoring_closed"


async def test_a_rubric_that_changes_holds_for_lessons_that_nobody_scored(made: Bench) -> None:  # noqa: F811
    session = await watched(made)
    before = ScoringService(made.store, made.bus, rubric=ITEMS, clock=made.clock)
    await before.score(session, who(made, session, "host-1-t1"), OWN, (9, 4), "", items=ITEMS)
    after = ScoringService(made.store, made.bus, rubric=(Item("新", 1, 4),), clock=made.clock)
    known = (await after.scores(session))[OWN]
    assert after.rubric(known) == ITEMS
    assert after.rubric(()) == (Item("新", 1, 4),)
    other = who(made, session, "remote-1-t1")
    with pytest.raises(ProblemError) as error:
        await after.score(session, other, OWN, (4,), "", items=after.rubric(()))
    assert error.value.code == "rubric_changed"
