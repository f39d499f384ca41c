"""Commands and steps as JSON: what the editor sends, and what a draft is kept as.

Everything is read strictly: a field nobody knows is refused, for a misspelt one would be lost.
Whatever is refused is refused by MalformedError, which names the record and the field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, replace
from dataclasses import fields as fields_of
from datetime import date
from typing import Any, Final, TypeVar, get_args

from . import edits
from .bundle import parse_occurrence, written
from .fields import Fields, MalformedError
from .ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeatId,
    SeriesId,
    TeacherId,
    TermId,
)
from .roster import Roster
from .series import Series, SeriesSeat, WeekKind, WeekRule
from .timetable import Host, Occurrence
from .working_copy import Images, Step

T = TypeVar("T")


class _Every(dict[Any, Any]):
    """A table that has every id."""

    def __contains__(self, key: object) -> bool:
        return True


# A step says what stood when it was taken. What has left the roster since is for `edit.decide` to
# refuse, not for reading.
_ANY_ROSTER: Final = Roster(
    schools=_Every(), classrooms=_Every(), classes=_Every(), teachers=_Every(), terms=_Every()
)


def command_from(values: object) -> edits.Command:
    """Read a command; `do` says which, its other fields are those of the value."""
    fields = Fields(values, "command")
    kind = _KINDS.get(str(fields.values.get("do")))
    if kind is None:
        raise fields.wrong("do", f"以下之一：{', '.join(_KINDS)}", f"one of {', '.join(_KINDS)}")
    command: edits.Command = _read(fields, kind, "do")
    return command


def name_of(command: edits.Command) -> str:
    """What a command is called in JSON and in `Step.command`, such as `move_lesson`."""
    return _snake(type(command).__name__)


def series_to_dict(series: Series) -> dict[str, Any]:
    """A rule as JSON, each field under its own name, `class` for `school_class`."""
    return written(series)


def series_from(values: object) -> Series:
    """Read a rule as `series_to_dict` writes it; what it may do without may be left out."""
    return _read(Fields(values, "series"), Series)


def occurrence_to_dict(occurrence: Occurrence) -> dict[str, Any]:
    """An occurrence as in `plan.json`."""
    return written(occurrence)


def occurrence_from(values: object) -> Occurrence:
    """Read an occurrence as `occurrence_to_dict` writes it, whatever it refers to."""
    return parse_occurrence(Fields(values, "occurrence"), _ANY_ROSTER)


def images_to_dict(images: Images) -> dict[str, Any]:
    """Images by id; null for what was not there."""
    return {
        "occurrences": {i: o and written(o) for i, o in images.occurrences.items()},
        "series": {i: s and written(s) for i, s in images.series.items()},
    }


def images_from(values: object) -> Images:
    """Read images; each must be under the id it has."""
    fields = Fields(values, "images")
    fields.only("occurrences", "series")
    return Images(
        {OccurrenceId(i): o for i, o in _by_id(fields, "occurrences", occurrence_from).items()},
        {SeriesId(i): s for i, s in _by_id(fields, "series", series_from).items()},
    )


def step_to_dict(step: Step) -> dict[str, Any]:
    """A step as JSON."""
    return {
        **written(replace(step, before=Images(), after=Images())),
        "before": images_to_dict(step.before),
        "after": images_to_dict(step.after),
    }


def step_from_dict(values: object) -> Step:
    """Read a step as `step_to_dict` writes it."""
    fields = Fields(values, "step")
    fields.only(*(f.name for f in fields_of(Step)))
    before, after = (
        images_from(fields.values.get("before")),
        images_from(fields.values.get("after")),
    )
    if (before.occurrences.keys(), before.series.keys()) != (
        after.occurrences.keys(),
        after.series.keys(),
    ):
        raise MalformedError(
            fields.where, "after", "与 before 的编号须相同", "must hold the ids of 'before'"
        )
    return Step(
        seq=fields.count("seq", least=1),
        key=fields.text("key"),
        by=fields.text("by"),
        at=fields.instant("at"),
        command=fields.text("command"),
        before=before,
        after=after,
        undone=fields.flag("undone", default=False),
        reason=fields.text("reason", default=""),
    )


def _by_id(fields: Fields, name: str, read: Callable[[object], Any]) -> dict[str, Any]:
    table = Fields(fields.values.get(name), f"{fields.where}, {name}")
    found: dict[str, Any] = {}
    for ident, values in table.values.items():
        thing = None if values is None else read(values)
        if thing is not None and thing.id != ident:
            raise MalformedError(
                table.where, ident, f"的 id 为 {thing.id}", f"has the id {thing.id!r}", value=values
            )
        found[Fields({"id": ident}, table.where).ident("id")] = thing
    return found


def _read(fields: Fields, kind: type[T], *also: str) -> T:
    """A value of `kind` from fields of the same names, each read as its annotation says.

    What has a default may be left out; null is only for what may be None. `also` may be there.
    """
    known = {f.name: "class" if f.name == "school_class" else f.name for f in _fields_of(kind)}
    fields.only(*also, *known.values())
    given: dict[str, Any] = {}
    for field in _fields_of(kind):
        name, annotation = known[field.name], str(field.type)
        optional = annotation.endswith(_OR_NONE)
        if name not in fields.values and field.default is not MISSING:
            continue
        if optional and not fields.has(name):
            given[field.name] = None
        else:
            given[field.name] = _READERS[annotation.removesuffix(_OR_NONE)](fields, name)
    return kind(**given)


def _fields_of(kind: type) -> tuple[Field[Any], ...]:
    return fields_of(kind)


def _nested(kind: type[Any]) -> Callable[[Fields, str], Any]:
    def read(fields: Fields, name: str) -> Any:
        return _read(Fields(fields.values.get(name), f"{fields.where}, {name}"), kind)

    return read


def _seats(fields: Fields, name: str) -> tuple[SeriesSeat, ...]:
    return tuple(_read(each, SeriesSeat) for each in fields.records(name, named_by="classroom"))


def _days(fields: Fields, name: str) -> tuple[date, ...]:
    return tuple(Fields({name: v}, fields.where).day(name) for v in fields.items(name))


def _counts(fields: Fields, name: str) -> tuple[int, ...]:
    return tuple(Fields({name: v}, fields.where).count(name) for v in fields.items(name))


_OR_NONE: Final = " | None"
_IDS: Final = (
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeatId,
    SeriesId,
    TeacherId,
    TermId,
)
# By annotation, as it is written where the value is defined.
_READERS: Final[Mapping[str, Callable[[Fields, str], Any]]] = {
    **{kind.__name__: Fields.ident for kind in _IDS},
    "str": Fields.text,
    "int": Fields.count,
    "bool": Fields.flag,
    "date": Fields.day,
    "datetime": Fields.instant,
    "WeekKind": lambda fields, name: fields.choice(name, WeekKind),
    "Series": _nested(Series),
    "SeriesSeat": _nested(SeriesSeat),
    "Host": _nested(Host),
    "WeekRule": _nested(WeekRule),
    "Place": _nested(edits.Place),
    "tuple[SeriesSeat, ...]": _seats,
    "tuple[date, ...]": _days,
    "tuple[int, ...]": _counts,
}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


_KINDS: Final[Mapping[str, type[Any]]] = {
    _snake(kind.__name__): kind for kind in get_args(edits.Command)
}
