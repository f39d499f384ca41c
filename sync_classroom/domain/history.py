"""What happened to a lesson between two of its states, in words a program can keep.

The state itself is in the plan; this says what differs, so that a lesson's page can tell who moved
it, from where and why, long after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final

from .ids import OccurrenceId
from .timetable import Change, ChangeKind, Occurrence, Seat


class Happening(StrEnum):
    """What can happen to a lesson, as its history names it."""

    CREATED = "created"
    MOVED_HERE = "moved_here"
    CHANGED = "changed"
    SUBSTITUTED = "substituted"
    CANCELLED = "cancelled"
    MOVED = "moved"
    RESTORED = "restored"
    SEAT_ADDED = "seat_added"
    SEAT_CHANGED = "seat_changed"
    SEAT_CANCELLED = "seat_cancelled"
    SEAT_RESTORED = "seat_restored"
    # It goes by another rule, or by none any more, and is else as it was.
    REASSIGNED = "reassigned"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened. `old` and `new` are JSON-able and hold only what differs.

    `version` is the published version it came with, None for a change at short notice.
    """

    occurrence: OccurrenceId
    at: datetime
    by: str
    reason: str
    kind: Happening
    version: int | None = None
    old: Mapping[str, Any] | None = None
    new: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs; `reason` is empty where the states do not tell it."""

    kind: Happening
    old: Mapping[str, Any] | None = None
    new: Mapping[str, Any] | None = None
    reason: str = ""


_FIELDS: Final = ("title", "subject", "grade", "periods", "date", "starts_at", "ends_at")
_GONE: Final = {
    ChangeKind.CANCELLED: Happening.CANCELLED,
    ChangeKind.MOVED: Happening.MOVED,
    ChangeKind.SEAT_CANCELLED: Happening.SEAT_CANCELLED,
}


def differences(old: Occurrence | None, new: Occurrence) -> tuple[Difference, ...]:
    """Everything that happened between `old` (None: there was no such lesson) and `new`.

    Empty only if both are the same: a change that leaves no trace here would be noticed by nobody.
    """
    if old is None:
        if new.moved_from is not None:
            return (Difference(Happening.MOVED_HERE, old={"from": new.moved_from}),)
        return (Difference(Happening.CREATED),)
    found = (*_particulars(old, new), *_seats(old, new), *_changes(old, new))
    if not found and old != new:
        found = (Difference(Happening.REASSIGNED, _slot(old), _slot(new)),)
    return found


def _slot(occurrence: Occurrence) -> dict[str, Any]:
    slot = occurrence.slot
    return {} if slot is None else {"series": slot.series, "own": slot.own}


def _particulars(old: Occurrence, new: Occurrence) -> Iterator[Difference]:
    if old.host.teacher != new.host.teacher:
        yield Difference(
            Happening.SUBSTITUTED, {"teacher": old.host.teacher}, {"teacher": new.host.teacher}
        )
    before, after = _visible(old), _visible(new)
    differing = [name for name in before if before[name] != after[name]]
    if differing:
        yield Difference(
            Happening.CHANGED,
            {name: before[name] for name in differing},
            {name: after[name] for name in differing},
        )


def _visible(occurrence: Occurrence) -> dict[str, Any]:
    values = {name: _plain(getattr(occurrence, name)) for name in _FIELDS}
    values["classroom"] = occurrence.host.classroom
    values["class"] = occurrence.host.school_class
    values["participants"] = list(occurrence.participants)
    return values


def _plain(value: Any) -> Any:
    # One instant is one text, whichever zone it came in, else a lesson read again would differ.
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _seats(old: Occurrence, new: Occurrence) -> Iterator[Difference]:
    before = {s.id: s for s in old.seats}
    for seat in new.seats:
        known = before.get(seat.id)
        if known is None:
            yield Difference(Happening.SEAT_ADDED, None, _seat(seat))
        elif known != seat:
            yield Difference(Happening.SEAT_CHANGED, _seat(known), _seat(seat))


def _seat(seat: Seat) -> dict[str, Any]:
    return {
        "seat": seat.id,
        "classroom": seat.classroom,
        "class": seat.school_class,
        "expected": seat.expected,
        "assistant": seat.assistant,
    }


def _changes(old: Occurrence, new: Occurrence) -> Iterator[Difference]:
    for change in old.changes:
        if change not in new.changes:
            kind = Happening.SEAT_RESTORED if change.seat is not None else Happening.RESTORED
            yield Difference(kind, old=_change(change))
    for change in new.changes:
        if change not in old.changes:
            yield Difference(_GONE[change.kind], new=_change(change), reason=change.reason)


def _change(change: Change) -> dict[str, Any]:
    named = {"seat": change.seat, "to": change.to}
    told = {name: value for name, value in named.items() if value is not None}
    return {"excused": change.excused, **told}
