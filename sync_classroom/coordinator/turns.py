"""How often the rooms of a lesson had a turn earlier in its week, for a fair next one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ..domain.ids import OccurrenceId, SeatId
from ..domain.timetable import Occurrence
from .evidence_ports import FactStore

# A coordinator has some hundred lessons a day; one that was forgotten is counted once more.
MAX_REMEMBERED: Final = 1000


class WeekTurns:
    """Counts from facts, once for a lesson: a room is in one lesson at a time, so what it had
    before this one does not change while this one lasts."""

    def __init__(self, store: FactStore, zone: ZoneInfo) -> None:
        self._store = store
        self._zone = zone
        self._known: OrderedDict[OccurrenceId, Mapping[SeatId, int]] = OrderedDict()

    async def before(
        self, lessons: Collection[Occurrence]
    ) -> Mapping[OccurrenceId, Mapping[SeatId, int]]:
        """Of each lesson the times that each seat's room was called on in lessons that began
        earlier in the same week, Monday first, in the programme's zone; seats without any are
        missing."""
        return {
            o.id: self._known[o.id] if o.id in self._known else await self._count(o)
            for o in lessons
        }

    async def _count(self, lesson: Occurrence) -> Mapping[SeatId, int]:
        day = lesson.starts_at.astimezone(self._zone).date()
        monday = datetime.combine(day - timedelta(days=day.weekday()), time(), self._zone)
        rooms = {s.classroom for s in lesson.seats}
        turns = await self._store.times_called_on(rooms, monday, lesson.starts_at)
        found = {s.id: turns[s.classroom] for s in lesson.seats if s.classroom in turns}
        self._known[lesson.id] = found
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return found
