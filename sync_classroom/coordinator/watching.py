"""Looking at lessons without taking part (巡课): what is live now, and how to receive it.

A watcher is a peer of its own name that can publish nothing. It is no seat and no host, so that
neither figures nor rooms know of it; who looked into what is written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..domain.accounts import User
from ..domain.ids import OccurrenceId
from ..domain.lesson import LessonState
from ..domain.problems import ProblemError, ProblemKind
from .evidence_ports import AccessLogStore
from .grants import Grants
from .lessons import LessonService, unknown_lesson
from .plan_ports import TimetableStore
from .ports import LessonStore
from .services import Clock
from .views import LessonView

#: What the access log calls a look at the small pictures of a lesson's rooms, and into the lesson.
WATCHED = "wall.watch"
LOOKED_IN = "wall.look"


class WatchStore(TimetableStore, LessonStore, AccessLogStore, Protocol):
    """Plan, runs, and who looked."""


class WatchService:
    """What is going on, for those who may look."""

    def __init__(
        self, store: WatchStore, lessons: LessonService, grants: Grants, *, clock: Clock
    ) -> None:
        self._store = store
        self._lessons = lessons
        self._grants = grants
        self._clock = clock

    async def now(self) -> list[LessonView]:
        """Lessons that are open or live, by start then id."""
        runs = await self._store.unfinished_runs()
        planned = await self._store.occurrences_of(run.occurrence for run in runs)
        shown = [o for o in planned.values() if not o.withdrawn]
        views = await self._lessons.views_of(sorted(shown, key=lambda o: (o.starts_at, o.id)))
        return [v for v in views if v.run.state in (LessonState.OPEN, LessonState.LIVE)]

    async def watch(
        self, occurrence: OccurrenceId, user: User, *, page: str, look: bool
    ) -> Sequence[dict[str, Any]]:
        """What a browser page needs to receive a live lesson: its rooms' small pictures, in parts,
        or, with `look`, the lesson as a room sees it. `page` tells this person's pages apart.

        Written down before it is given. ProblemError if the lesson is unknown or not live.
        """
        view = await self._lessons.view(occurrence)
        if view is None:
            raise unknown_lesson(occurrence)
        if view.run.state is not LessonState.LIVE:
            raise ProblemError(
                "lesson_not_live_now",
                "这节课现在不在上，看不到画面。请刷新本页。",
                "The lesson is not live now; there is nothing to see. Reload this page.",
                kind=ProblemKind.CONFLICT,
                value=occurrence,
            )
        what = LOOKED_IN if look else WATCHED
        await self._store.log_access(user.login, what, occurrence, at=self._clock())
        viewer = f"{user.id}-{page}"
        if look:
            return [self._grants.of_look(view.occurrence, viewer)]
        return self._grants.of_wall(view.occurrence, viewer)
