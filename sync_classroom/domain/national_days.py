"""National days off and make-up workdays (调休) as data: a bureau's own file, and its corrections.

Next year's swaps are announced in November: until the tables of the program know them, they are
written here. What the days make of a school's timetable is in `calendar`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final

from .fields import Fields
from .roster import NationalDay, Wording

_FRIDAY: Final = 5


class _Kind(StrEnum):
    OFF = "off"
    MAKE_UP = "make_up"
    ORDINARY = "ordinary"


def parse_national_days(values: Mapping[str, Any]) -> dict[date, NationalDay | None]:
    """Read a bureau's own file: `[[days]]` with `date`, `kind` and names; None is `ordinary`.

    `kind` is `off`, `make_up` (with `replaces`, the day whose timetable is followed, if it is
    known) or `ordinary`, which takes away what the tables say of that date. `name` is required but
    for ordinary days, `name_en` is the same name in English. Raises MalformedError.
    """
    root = Fields(values, "calendar")
    root.only("days")
    found: dict[date, NationalDay | None] = {}
    for fields in root.records("days", named_by="date"):
        fields.only("date", "kind", "name", "name_en", "replaces")
        on = fields.day("date")
        if on in found:
            raise fields.wrong("date", "只写一次的日期", "a date written once")
        found[on] = _day(fields, on)
    return found


def _day(fields: Fields, on: date) -> NationalDay | None:
    kind = fields.choice("kind", _Kind)
    replaces = fields.day_or_none("replaces")
    if replaces is not None and (kind is not _Kind.MAKE_UP or replaces == on):
        raise fields.wrong(
            "replaces", "补课日所补的另一天", "the other day that a make-up day stands in for"
        )
    if kind is _Kind.ORDINARY:
        return None
    if kind is _Kind.MAKE_UP and on.isoweekday() <= _FRIDAY:
        raise fields.wrong(
            "date", "星期六或星期日（补课日）", "a Saturday or Sunday, as make-up days are"
        )
    name = fields.text("name")
    return NationalDay(
        on, Wording(name, fields.text("name_en", default=name)), kind is _Kind.MAKE_UP, replaces
    )


def merged(
    tables: Mapping[date, NationalDay], own: Mapping[date, NationalDay | None]
) -> dict[date, NationalDay]:
    """The tables with a bureau's own entries over them, by date."""
    both = {**tables, **own}
    return {on: both[on] for on in sorted(both) if both[on] is not None}  # type: ignore[misc]
