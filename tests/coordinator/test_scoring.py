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
from sync_classroom.domain.rubric import DEFAULT_RUBRIC, Item, Rubric
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
    service = ScoringService(made.store, made.bus, clock=made.clock)
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
    service = ScoringService(made.store, made.bus, clock=made.clock)
    assert (await service.rubric()).items == DEFAULT_RUBRIC
    await service.change_rubric(ITEMS, 0, by="admin")
    items = await service.items_for(())
    assert items == ITEMS
    await service.score(session, who(made, session, "host-1-t1"), OWN, (9, 4), "", items=items)
    new = (Item("新", 1, 4, "New"),)
    await service.change_rubric(new, 1, by="li")
    known = (await service.scores(session))[OWN]
    assert await service.items_for(known) == ITEMS
    assert await service.rubric() == Rubric(new, 2, "li", made.clock())
    other = who(made, session, "remote-1-t1")
    with pytest.raises(ProblemError) as error:
        await service.score(session, other, OWN, (4,), "", items=new)
    assert error.value.code == "rubric_changed"


async def test_two_administrators_do_not_overwrite_each_other(made: Bench) -> None:  # noqa: F811
    service = ScoringService(made.store, made.bus, clock=made.clock)
    await service.change_rubric(ITEMS, 0, by="admin")
    await service.change_rubric(ITEMS, 0, by="admin")  # a browser that tries again
    assert (await service.rubric()).version == 1
    assert await refusal(service.change_rubric(ITEMS[:1], 0, by="li")) == "rubric_moved"
    assert await refusal(service.change_rubric((), 1, by="li")) == "rubric_invalid"
    assert (await service.rubric()).items == ITEMS
