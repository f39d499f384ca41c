"""What a draft changes of what is published, in the words people use: new, moved, cancelled, ….

The entries together say everything: laid over the published state they give the draft.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from .bundle import plain, written
from .edit_files import occurrence_from, series_from
from .edit_sheet import asked
from .fields import Fields, MalformedError
from .ids import OccurrenceId, SeriesId
from .plan_change import VersionEntry
from .series import Series
from .timetable import Change, ChangeKind, Occurrence
from .working_copy import Images, WorkingCopy, moved_to


class DiffKind(StrEnum):
    """What became of a rule or a lesson."""

    SERIES_NEW = "series_new"
    SERIES_CHANGED = "series_changed"
    SERIES_REMOVED = "series_removed"
    NEW = "new"
    MOVED = "moved"
    CANCELLED = "cancelled"
    RESTORED = "restored"
    CHANGED = "changed"
    SEATS = "seats"


# Lessons of these kinds come or go with a rule that has an entry of its own.
_WITH_SERIES: Final = frozenset(
    {DiffKind.NEW, DiffKind.CANCELLED, DiffKind.CHANGED, DiffKind.MOVED}
)
_OF_SERIES: Final = (DiffKind.SERIES_NEW, DiffKind.SERIES_CHANGED, DiffKind.SERIES_REMOVED)
# What is told of by the kind of an entry, or is of no concern to people.
_UNTOLD: Final = frozenset({"id", "changes", "slot", "moved_from"})
_ANY_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)
_WITHDRAWAL: Final = "changes"


@dataclass(frozen=True, slots=True)
class DiffEntry:
    """One change. Of `lesson` and `series` exactly one is set: whom it is about.

    `old` is how it is published, `new` how it will be, None if there is none. `to` is the lesson at
    the other end of a move, which then has no entry of its own. `fields` names what differs, in the
    order of the value: between `old` and `new`, for a move between `old` and `to`; `changes` only
    if nothing else does, as when a cancellation is excused after all.
    """

    kind: DiffKind
    lesson: OccurrenceId | None = None
    series: SeriesId | None = None
    old: Occurrence | Series | None = None
    new: Occurrence | Series | None = None
    to: Occurrence | None = None
    fields: tuple[str, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether it concerns nobody: a lesson went over to another rule, and is as it was."""
        return self.kind is DiffKind.CHANGED and not self.fields


def diff(base: Images, copy: WorkingCopy) -> tuple[DiffEntry, ...]:
    """What `copy` changes of `base`: rules by id, then lessons by their start and id."""
    before = base.occurrences
    changed = {
        i: o for i, o in copy.occurrences.items() if (old := before.get(i)) is not o and old != o
    }
    ends = {to for o in changed.values() if (to := moved_to(o)) is not None and _moves(base, o)}
    lessons = [_lesson(before.get(i), o, copy) for i, o in changed.items() if i not in ends]
    lessons.sort(key=_when)
    return (*_series(base, copy), *lessons)


def going_with(entries: Sequence[DiffEntry]) -> tuple[SeriesId | None, ...]:
    """For each entry the rule its lesson comes or goes with, if that has an entry among them.

    Such a lesson is told with its rule. One that was edited by itself is told by itself.
    """
    rules = {e.series for e in entries if e.series is not None}
    return tuple(
        rule if not e.silent and e.kind in _WITH_SERIES and (rule := _rule_of(e)) in rules else None
        for e in entries
    )


def kept(
    entries: Sequence[DiffEntry],
    lessons: Mapping[OccurrenceId, tuple[str, str]] = MappingProxyType({}),
    rules: Mapping[SeriesId, tuple[str, str]] = MappingProxyType({}),
) -> list[VersionEntry]:
    """A diff as a version keeps it; `lessons` and `rules` say who wanted each changed, and why."""
    found = []
    for entry, beside in zip(entries, going_with(entries), strict=True):
        by, reason = "", ""
        if entry.series is not None:
            by, reason = rules.get(entry.series, ("", ""))
        elif entry.lesson is not None:
            by, reason = lessons.get(entry.lesson, ("", ""))
        told = beside is None and not entry.silent
        found.append(
            VersionEntry(entry.kind.value, to_dict(entry), entry.series, beside, told, by, reason)
        )
    return found


def series_entry(ident: SeriesId, old: Series | None, new: Series | None) -> DiffEntry | None:
    """What became of a rule, or None if nothing did."""
    if old == new:
        return None
    kind = DiffKind.SERIES_CHANGED
    if old is None or new is None:
        kind = DiffKind.SERIES_NEW if old is None else DiffKind.SERIES_REMOVED
    return DiffEntry(kind, series=ident, old=old, new=new, fields=_differing(old, new))


def change_of(entry: DiffEntry) -> Change | None:
    """The change record of a cancelled or moved lesson: who, when, why."""
    if not isinstance(entry.new, Occurrence):
        return None
    kinds = {DiffKind.CANCELLED: ChangeKind.CANCELLED, DiffKind.MOVED: ChangeKind.MOVED}
    return next((c for c in entry.new.changes if c.kind is kinds.get(entry.kind)), None)


def to_dict(entry: DiffEntry) -> dict[str, Any]:
    """An entry as JSON; `fields` has each difference with its old and new value."""
    other = entry.to or entry.new
    return {
        "kind": entry.kind.value,
        "lesson": entry.lesson,
        "series": entry.series,
        "old": entry.old and written(entry.old),
        "new": entry.new and written(entry.new),
        "to": entry.to and written(entry.to),
        "fields": [
            {
                "field": name,
                "old": plain(_shown(entry.old, name)),
                "new": plain(_shown(other, name)),
            }
            for name in entry.fields
        ],
    }


def from_dict(values: object) -> DiffEntry:
    """Read an entry as `to_dict` writes it. Raises MalformedError naming the field."""
    fields = Fields(values, "diff")
    fields.only(*(f.name for f in fields_of(DiffEntry)))
    kind = fields.choice("kind", DiffKind)
    read: Any = series_from if kind in _OF_SERIES else occurrence_from
    lesson, series = fields.ident_or_none("lesson"), fields.ident_or_none("series")
    if (series is None) == (kind in _OF_SERIES) or (lesson is None) == (series is None):
        raise MalformedError(
            fields.where,
            "kind",
            "须与 lesson 或 series 之一相符",
            "must go with one of 'lesson' and 'series'",
            value=kind.value,
        )
    return DiffEntry(
        kind=kind,
        lesson=None if lesson is None else OccurrenceId(lesson),
        series=None if series is None else SeriesId(series),
        old=read(fields.values["old"]) if fields.has("old") else None,
        new=read(fields.values["new"]) if fields.has("new") else None,
        to=occurrence_from(fields.values["to"]) if fields.has("to") else None,
        fields=tuple(each.text("field") for each in fields.records("fields", named_by="field")),
    )


def _series(base: Images, copy: WorkingCopy) -> Iterator[DiffEntry]:
    for ident in sorted({*base.series, *copy.series}):
        entry = series_entry(ident, base.series.get(ident), copy.series.get(ident))
        if entry is not None:
            yield entry


def _rule_of(entry: DiffEntry) -> SeriesId | None:
    lesson = entry.new or entry.old
    if not isinstance(lesson, Occurrence) or lesson.slot is None or lesson.slot.own:
        return None
    return lesson.slot.series


def _lesson(old: Occurrence | None, new: Occurrence, copy: WorkingCopy) -> DiffEntry:
    if old is None:
        return DiffEntry(DiffKind.NEW, new.id, new=new)
    to = moved_to(new)
    if to is not None and to != moved_to(old):
        end = copy.occurrences.get(to)
        return DiffEntry(DiffKind.MOVED, new.id, None, old, new, end, _differing(old, end))
    fields = _differing(old, new)
    if new.withdrawn and not old.withdrawn:
        kind = DiffKind.CANCELLED
    elif old.withdrawn and not new.withdrawn:
        kind = DiffKind.RESTORED
    elif fields == ("seats",):
        kind = DiffKind.SEATS
    else:
        kind = DiffKind.CHANGED
        if not fields and _withdrawal(old) != _withdrawal(new):
            fields = (_WITHDRAWAL,)
    return DiffEntry(kind, new.id, None, old, new, None, fields)


def _moves(base: Images, occurrence: Occurrence) -> bool:
    """Whether the draft moves it: it is not so published."""
    old = base.occurrences.get(occurrence.id)
    return old is not None and moved_to(old) != moved_to(occurrence)


def _differing(old: Any, new: Any) -> tuple[str, ...]:
    if old is None or new is None:
        return ()
    names = [f.name for f in fields_of(old)]
    return tuple(n for n in names if n not in _UNTOLD and _told(old, n) != _told(new, n))


def _told(thing: Any, name: str) -> Any:
    """A field as it is compared: seats by what they are, whatever their ids."""
    value = _shown(thing, name)
    return [asked(s) for s in value] if isinstance(thing, Occurrence) and name == "seats" else value


def _shown(thing: Any, name: str) -> Any:
    """A field as it is shown: seats are those that take part if the lesson does."""
    if isinstance(thing, Occurrence) and name == "seats":
        gone = {c.seat for c in thing.changes}
        return tuple(s for s in thing.seats if s.id not in gone)
    return getattr(thing, name)


def _withdrawal(occurrence: Occurrence) -> list[Change]:
    """What was withdrawn and why, whoever said it when."""
    return [replace(c, at=_ANY_TIME, by="") for c in occurrence.changes]


def _when(entry: DiffEntry) -> tuple[datetime, str]:
    lesson = entry.old or entry.new
    assert isinstance(lesson, Occurrence)
    return lesson.starts_at, lesson.id
