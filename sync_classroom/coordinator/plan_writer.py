"""The one way into the published plan: checked, stored, put in the history, and everybody told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from ..domain.conflicts import ClashError
from ..domain.ids import OccurrenceId
from ..domain.notices import Notice, Pair, notices_of
from ..domain.plan_change import Edition, PlanChange, Version
from ..domain.roster import Roster
from ..domain.timetable import Occurrence
from ..domain.working_copy import Images
from .plan_ports import TimetableStore
from .ports import Bus
from .roster import RosterService
from .services import Clock

log = structlog.get_logger(__name__)

# From so many lessons on, finding the words is left to a thread.
_MANY: Final = 200


class PlanWriter:
    """Stores changes of the plan. `gap_s` is the set-up gap between two uses of one room."""

    def __init__(
        self,
        store: TimetableStore,
        bus: Bus,
        *,
        roster: RosterService,
        clock: Clock,
        zone: ZoneInfo,
        gap_s: int = 0,
    ) -> None:
        self._store = store
        self._bus = bus
        self._roster = roster
        self._clock = clock
        self._zone = zone
        self.gap_s = gap_s

    async def write(
        self,
        before: Images,
        after: Images,
        *,
        actor: str,
        key: str,
        reason: str = "",
        authors: Mapping[OccurrenceId, tuple[str, str]] | None = None,
        edition: Edition | None = None,
    ) -> Version | None:
        """Make `after` of `before`, all of it or nothing; the version, if there is an `edition`.

        The same `key` does nothing more. Raises `PlanMovedOnError` if the plan is not `before` any
        more, `ClashError` with names, or a ProblemError of the store.
        """
        roster, now = self._roster.current(), self._clock()
        reasons = {i: why for i, (_, why) in (authors or {}).items()}
        if reason:
            reasons = dict.fromkeys(after.occurrences, reason) | reasons
        notices = await self._notices(pairs(before, after), roster, reasons)
        change = PlanChange(
            before=before, after=after, at=now, by=actor, key=key, reason=reason,
            authors=authors or {}, notices=notices, edition=edition,
        )  # fmt: skip
        try:
            version = await self._store.change_plan(change, gap_s=self.gap_s)
        except ClashError as error:
            raise ClashError(
                error.clashes, names=resource_names(roster), zone=self._zone
            ) from error
        log.info("plan.changed", lessons=len(after.occurrences), by=actor, told=len(notices))
        await self._bus.publish("plan", {"type": "changed"})
        return version

    async def _notices(
        self, changed: Sequence[Pair], roster: Roster, reasons: Mapping[OccurrenceId, str]
    ) -> tuple[Notice, ...]:
        now = self._clock()
        if len(changed) < _MANY:
            return notices_of(changed, roster, self._zone, now, reasons=reasons)
        return await asyncio.to_thread(
            notices_of, changed, roster, self._zone, now, reasons=reasons
        )


def pairs(before: Images, after: Images) -> list[tuple[Occurrence | None, Occurrence]]:
    """Every lesson that is there afterwards, with how it was."""
    return [(before.occurrences.get(i), o) for i, o in after.occurrences.items() if o is not None]


def resource_names(roster: Roster) -> dict[str, str]:
    """Every id that may clash, with the name people know it by."""
    names: dict[str, str] = {t.id: t.name for t in roster.teachers.values()}
    for school_class in roster.classes.values():
        names[school_class.id] = f"{roster.schools[school_class.school].name}{school_class.name}"
    for classroom in roster.classrooms.values():
        names[classroom.id] = f"{roster.schools[classroom.school].name}{classroom.name}"
    return names
