"""What the coordinator needs of a store for research sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Protocol

from ..domain.ids import OccurrenceId, TeacherId
from ..domain.research import Papers
from ..domain.timetable import Occurrence


class ResearchStore(Protocol):
    """Sessions and what belongs to them beside the plan."""

    async def sessions_on(self, first: date, last: date) -> Sequence[Occurrence]:
        """Research sessions whose date lies in `[first, last]`, withdrawn too, by start then id."""
        ...

    async def subject_teachers(self, first: date, last: date) -> frozenset[tuple[str, TeacherId]]:
        """(subject, teacher) of whoever gives or assists a lesson dated in `[first, last]`."""
        ...

    async def papers_of(self, sessions: Iterable[OccurrenceId]) -> Mapping[OccurrenceId, Papers]:
        """The latest papers of these sessions; nothing of those that have none."""
        ...

    async def papers_history(self, session: OccurrenceId, limit: int) -> Sequence[Papers]:
        """The latest `limit` papers of one session, oldest first."""
        ...

    async def papers_written(self, session: OccurrenceId, key: str) -> bool:
        """Whether papers of this session were stored with this key."""
        ...

    async def save_papers(self, papers: Papers, *, key: str) -> bool:
        """Store papers as the next revision, once for a `key`; False if somebody was first."""
        ...
