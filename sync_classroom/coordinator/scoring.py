"""Scores of the lessons that a research session watches: each person's once, until it is over.

Callers have found out who somebody is (`MeetingService.as_user`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog

from ..domain.ids import OccurrenceId
from ..domain.lesson import OVER
from ..domain.problems import ProblemError, ProblemKind
from ..domain.rubric import Item, Rubric, Scores, check_points, check_rubric, remark_of
from ..domain.timetable import Occurrence
from .meetings import Attendee
from .plan_ports import TimetableStore
from .ports import Bus, LessonStore
from .research import Session
from .research_ports import RubricStore, ScoreStore, StudyStore
from .services import Clock

log = structlog.get_logger(__name__)


class ServiceStore(ScoreStore, RubricStore, StudyStore, LessonStore, TimetableStore, Protocol):
    """Scores, by what, what was watched, and whether a session is over."""


class ScoringService:
    """Scores of sessions, and the rubric, which administrators change."""

    def __init__(self, store: ServiceStore, bus: Bus, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    async def lessons(self, session: Session) -> list[Occurrence]:
        """The lessons that were watched, and so can be scored, as they were first watched."""
        watched = await self._store.lessons_watched(session.id)
        found = await self._store.occurrences_of(watched)
        return [found[ident] for ident in watched if ident in found]

    async def scores(self, session: Session) -> Mapping[OccurrenceId, tuple[Scores, ...]]:
        """Everybody's scores, by lesson."""
        found: dict[OccurrenceId, tuple[Scores, ...]] = {}
        for each in await self._store.scores_of(session.id):
            found[each.lesson] = (*found.get(each.lesson, ()), each)
        return found

    async def rubric(self) -> Rubric:
        """What a lesson is scored by that nobody in its session has scored yet."""
        return await self._store.rubric() or Rubric()

    async def items_for(self, scores: Sequence[Scores]) -> tuple[Item, ...]:
        """What a lesson with these scores is scored by: all of them by the same."""
        return scores[0].items if scores else (await self.rubric()).items

    async def change_rubric(self, items: Sequence[Item], version: int, *, by: str) -> None:
        """Replace the rubric that was read as `version`; what was scored keeps its own.

        ProblemError `rubric_invalid` naming the item, or `rubric_moved`.
        """
        wanted = Rubric(check_rubric(items), version, by, self._clock())
        if wanted.items == (await self.rubric()).items:
            return  # a browser tries again
        if not await self._store.save_rubric(wanted):
            raise ProblemError(
                "rubric_moved",
                "另一位管理员刚刚改过评课表，您的改动没有保存。请刷新页面，看过以后再改。",
                "Another administrator has just changed the rubric, and yours was not stored."
                " Reload the page, look, and change it again.",
                kind=ProblemKind.CONFLICT,
                value=version,
            )
        log.info("rubric.changed", version=version + 1, by=by)

    async def open(self, session: Session) -> bool:
        """Whether scores may still be given and changed."""
        run = await self._store.get_run(session.occurrence.id)
        return run is None or run.state not in OVER

    async def score(
        self,
        session: Session,
        who: Attendee,
        lesson: OccurrenceId,
        given: Sequence[int | None],
        remark: str,
        *,
        items: Sequence[Item],
    ) -> Scores:
        """Give or change one's scores, by the `items` that were shown.

        ProblemError `scoring_closed`, `lesson_not_watched`, `rubric_changed`, `points_invalid` or
        `remark_too_long`.
        """
        if not await self.open(session):
            raise ProblemError(
                "scoring_closed",
                "教研已经结束，评分不能再改。",
                "The session is over; scores can no longer be changed.",
                kind=ProblemKind.CONFLICT,
                value=session.id,
            )
        if lesson not in await self._store.lessons_watched(session.id):
            raise ProblemError(
                "lesson_not_watched",
                "这场教研没有看过这节课，不能评分。请从列表中选择。",
                "This session did not watch that lesson. Choose from the list.",
                kind=ProblemKind.NOT_FOUND,
                field="lesson",
                value=lesson[:96],
            )
        scores = Scores(
            session.id, lesson, who.peer, who.name, tuple(items), check_points(items, given),
            remark_of(remark), self._clock(),
        )  # fmt: skip
        if not await self._store.save_scores(scores):
            raise ProblemError(
                "rubric_changed",
                "评课表刚刚换过，您的评分没有保存。请刷新页面，再评一次。",
                "The rubric has just been changed, and your scores were not stored. Reload the"
                " page and score again.",
                kind=ProblemKind.CONFLICT,
                value=lesson,
            )
        await self._bus.publish(
            "lesson", {"type": "changed", "occurrence": session.occurrence.id, "what": "scores"}
        )
        return scores
