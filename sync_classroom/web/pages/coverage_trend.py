"""Two pictures as geometry in percent: the held rate by week, and what is built against targets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from ...domain.measures import Ratio
from ...domain.roster import Roster, SchoolRole
from ..formats import Rate, rate

_DAY: Final = timedelta(days=1)
# Paper above 100 % and below 0 %, so that marks and words on the edge are whole.
_TOP: Final = 0.1
_HEIGHT: Final = 0.8
# Week names that fit side by side at 1366 px.
_MOST_LABELS: Final = 26


@dataclass(frozen=True, slots=True)
class Week:
    """One week: its place, its figures, and the days of it that are counted."""

    id: str
    name: str
    x: str
    y: str | None
    label: bool
    first: date
    last: date
    due: int
    held: int
    rate: Rate


@dataclass(frozen=True, slots=True)
class Line:
    """A straight piece between two places, in percent of the picture."""

    x1: str
    y1: str
    x2: str
    y2: str


@dataclass(frozen=True, slots=True)
class Trend:
    """The weeks, and the line through those that follow each other; `grid` has 0, 50, 100 %."""

    weeks: tuple[Week, ...]
    lines: tuple[Line, ...]
    grid: tuple[tuple[str, str], ...]


def trend(
    by_week: Mapping[str, Ratio],
    named: Mapping[str, tuple[str, date, date]],
    to_come: Collection[str] = (),
) -> Trend | None:
    """The held rate week by week; `named` gives each week's name and counted days.

    None with fewer than two weeks: one place is no trend. A week without anything due, and one
    of those `to_come`, of which no lesson is over, has no place, and no line leads over it.
    """
    if len(by_week) < 2:
        return None
    step = -(-len(by_week) // _MOST_LABELS)
    weeks: list[Week] = []
    for n, (ident, held) in enumerate(by_week.items()):
        name, first, last = named[ident]
        share = None if ident in to_come else held.value
        week = Week(
            ident, name, _percent((n + 0.5) / len(by_week)),
            None if share is None else _height(share), n % step == 0, first, last,
            held.denominator, held.numerator, rate(held.numerator, held.denominator),
        )  # fmt: skip
        weeks.append(week)
    return Trend(tuple(weeks), _joined([(w.x, w.y) for w in weeks]), _grid())


@dataclass(frozen=True, slots=True)
class Beside:
    """One week of two periods by its number in each, and the places of both rates, if any."""

    number: int
    x: str
    label: bool
    y_now: str | None
    y_before: str | None


@dataclass(frozen=True, slots=True)
class Overlay:
    """Two periods week by week on the same paper, a line for each."""

    weeks: tuple[Beside, ...]
    now: tuple[Line, ...]
    before: tuple[Line, ...]
    grid: tuple[tuple[str, str], ...]


def overlay(now: Mapping[int, Ratio], before: Mapping[int, Ratio]) -> Overlay | None:
    """The held rates of two periods by the number of the week in each, from 1.

    None with fewer than two weeks. A week of nothing due has no place, and no line leads over it.
    """
    count = max([0, *now, *before])
    if count < 2:
        return None
    step = -(-count // _MOST_LABELS)

    def place(of: Mapping[int, Ratio], number: int) -> str | None:
        share = of[number].value if number in of else None
        return None if share is None else _height(share)

    weeks = tuple(
        Beside(n, _percent((n - 0.5) / count), (n - 1) % step == 0, place(now, n), place(before, n))
        for n in range(1, count + 1)
    )
    return Overlay(
        weeks,
        _joined([(w.x, w.y_now) for w in weeks]),
        _joined([(w.x, w.y_before) for w in weeks]),
        _grid(),
    )


def _joined(places: Sequence[tuple[str, str | None]]) -> tuple[Line, ...]:
    """A line between every two neighbours that have a place."""
    return tuple(
        Line(x1, y1, x2, y2)
        for (x1, y1), (x2, y2) in pairwise(places)
        if y1 is not None and y2 is not None
    )


@dataclass(frozen=True, slots=True)
class Goal:
    """A target with what was in commission by its day; `still_ahead`: the day is yet to come."""

    by: date
    wanted: int
    built: int
    of_all: Rate
    met: bool
    still_ahead: bool
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Build:
    """What is built over time as a step line, and the targets on the same paper."""

    goals: tuple[Goal, ...]
    lines: tuple[Line, ...]
    years: tuple[tuple[str, str], ...]
    top: int
    built: int


def build(roster: Roster, targets: Iterable[tuple[date, int]], today: date) -> Build | None:
    """Remote classrooms in commission up to today against the targets; None without a target."""
    wanted = sorted(targets)
    if not wanted:
        return None
    changes = _changes(roster, today)
    first = min([wanted[0][0], *(day for day, _ in changes)]) - _DAY
    last = max(wanted[-1][0], today) + _DAY
    top = max([n for _, n in wanted] + [_built(changes, day) for day, _ in changes])
    whole = roster.target_classrooms

    def x(day: date) -> str:
        return _percent((day - first).days / (last - first).days)

    def y(rooms: int) -> str:
        return _height(rooms / top if top else 0.0)

    goals = tuple(
        Goal(
            day, n, _built(changes, day), rate(_built(changes, day), whole),
            _built(changes, day) >= n, day > today, x(day), y(n),
        )
        for day, n in wanted
    )  # fmt: skip
    lines: list[Line] = []
    at, level = first, 0
    for day in sorted({day for day, _ in changes}):
        after = _built(changes, day)
        lines.append(Line(x(at), y(level), x(day), y(level)))
        lines.append(Line(x(day), y(level), x(day), y(after)))
        at, level = day, after
    lines.append(Line(x(at), y(level), x(today), y(level)))
    years = tuple((str(year), x(date(year, 1, 1))) for year in range(first.year + 1, last.year + 1))
    return Build(goals, tuple(lines), years, top, _built(changes, today))


def _changes(roster: Roster, today: date) -> list[tuple[date, int]]:
    """The days on which remote classrooms came into commission (+1) or left it (-1)."""
    rooms = [
        c for c in roster.classrooms.values() if roster.schools[c.school].role is SchoolRole.REMOTE
    ]
    found = [(c.commissioned_on, 1) for c in rooms if c.commissioned_on <= today]
    found += [(c.retired_on, -1) for c in rooms if c.retired_on and c.retired_on <= today]
    return found


def _built(changes: Sequence[tuple[date, int]], by: date) -> int:
    return sum(n for day, n in changes if day <= by)


def _height(share: float) -> str:
    return _percent(_TOP + _HEIGHT * (1 - share))


def _percent(share: float) -> str:
    return f"{share * 100:.4f}%"


def _grid() -> tuple[tuple[str, str], ...]:
    return tuple((f"{n} %", _height(n / 100)) for n in (100, 50, 0))
