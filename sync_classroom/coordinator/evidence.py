"""What the stored facts prove: one lesson's timeline, a period's coverage."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Protocol

from ..domain.ids import OccurrenceId
from .lessons import LessonService
from .ports import FactStore, TimetableStore
from .roster import RosterService
from .views import Timeline

if TYPE_CHECKING:
    from ..domain.coverage import Coverage


class EvidencePlanStore(TimetableStore, FactStore, Protocol):
    """Plan and facts."""


class EvidenceService:
    """Figures computed from plan and facts, always again, never stored."""

    def __init__(
        self, store: EvidencePlanStore, lessons: LessonService, roster: RosterService
    ) -> None:
        self._store = store
        self._lessons = lessons
        self._roster = roster

    async def timeline(self, occurrence: OccurrenceId) -> Timeline | None:
        """What each seat of a lesson received and what that counts for; None if unknown."""
        raise NotImplementedError

    async def coverage(self, first: date, last: date) -> Coverage:
        """Every measure over the civil days `[first, last]`; ValueError if last < first."""
        raise NotImplementedError
