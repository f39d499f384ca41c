"""The terminals board: every classroom in use, with its device and how that is doing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from ..domain.accounts import Terminal
from ..domain.ids import ClassroomId
from ..domain.roster import Classroom, Roster, School
from .terminal_ports import TerminalStore


class Presence(Protocol):
    """Which classrooms have a connected terminal."""

    def online(self) -> frozenset[ClassroomId]:
        """Over all coordinators."""
        ...


@dataclass(frozen=True, slots=True)
class TerminalRow:
    """One classroom. `terminal` None: no device is enrolled, and the fields after it are empty."""

    classroom: Classroom
    school: School
    terminal: Terminal | None
    online: bool
    last_seen_at: datetime | None
    page_version: str
    selfcheck: Mapping[str, Any] | None
    selfcheck_at: datetime | None


class TerminalBoard:
    """Reads roster, devices and presence together."""

    def __init__(
        self,
        store: TerminalStore,
        hub: Presence,
        roster: Callable[[], Roster],
        clock: Callable[[], datetime],
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._hub = hub
        self._roster = roster
        self._clock = clock
        self._zone = zone

    async def rows(self) -> list[TerminalRow]:
        """Every classroom that is not retired today, by school (hosts first) and id."""
        roster = self._roster()
        today = self._clock().astimezone(self._zone).date()
        by_room = {t.classroom: t for t in await self._store.terminals()}
        online = self._hub.online()
        rooms = [
            c for c in roster.classrooms.values() if c.retired_on is None or today < c.retired_on
        ]
        rooms.sort(key=lambda c: (roster.schools[c.school].role, c.school, c.id))
        return [_row(roster, room, by_room.get(room.id), online) for room in rooms]


def _row(
    roster: Roster, room: Classroom, terminal: Terminal | None, online: frozenset[ClassroomId]
) -> TerminalRow:
    return TerminalRow(
        classroom=room,
        school=roster.schools[room.school],
        terminal=terminal,
        online=room.id in online,
        last_seen_at=terminal.last_seen_at if terminal else None,
        page_version=terminal.page_version if terminal else "",
        selfcheck=terminal.selfcheck if terminal else None,
        selfcheck_at=terminal.selfcheck_at if terminal else None,
    )
