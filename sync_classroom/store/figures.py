"""A period's sums, read from those kept of its months, weeks and days; single results of seats."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Table, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.calendar import iso_week
from ..domain.crediting import SeatState
from ..domain.ids import ClassId, ClassroomId, OccurrenceId, SchoolId
from ..domain.judging import Rolled
from ..domain.modes import Meeting
from ..domain.rollup import ADDITIVE, Groups, SeatResult, Tally, WeekCell
from ..domain.spans import Cut, cut_months, cut_weeks, monday_of
from .queries import Queries, in_chunks, rows
from .rollup_tables import (
    meeting_results,
    rolled_spans,
    rollup_classes,
    rollups,
    rules_in_force,
    seat_results,
)
from .rollups import DAY, MONTH, TOTAL, WEEK, result_from
from .tables import classes

_CELL: Final = ("due_periods", "held_periods", "due_seats", "held_seats")
_DUE: Final = (
    "held_seats",
    "partial_seats",
    "missed_seats",
    "unknown_seats",
    "cancelled_unexcused_seats",
)


class FigureQueries(Queries):
    """Reads of `RollupStore` of the coordinator's ports."""

    async def rolled(self, first: date, last: date) -> Rolled:
        """The sums of `[first, last]` under the rules in force, all of one moment."""
        async with self._database.read() as connection:
            number = await _number(connection)
            known = await _known(connection, number)
            months = cut_months(first, last, known[MONTH])
            weeks = cut_weeks(first, last, known[WEEK])
            tallies = await _tallies(connection, number, _in(rollups, MONTH, months))
            reached = _in(rollup_classes, MONTH, months)
            for group, pupils in (await _pupils(connection, number, reached)).items():
                tallies[group].pupils_reached = pupils
            by_school = await _school_classes(connection, number, reached)
            by_week = await _by_week(connection, number, weeks)
            cells = await _cells(connection, number, weeks)
            meetings = await _meetings(connection, first, last)

        def by(dim: str) -> dict[Any, Tally]:
            return {key: sums for (of, key), sums in tallies.items() if of == dim}

        return Rolled(
            number,
            Groups(
                total=tallies.get((TOTAL, ""), Tally()),
                by_school=by("school"),
                by_classroom=by("classroom"),
                by_subject=by("subject"),
                by_teacher=by("teacher"),
                by_host_school=by("host_school"),
                by_week=by_week,
                by_week_school=cells,
                classes=frozenset(c for group in by_school.values() for c in group),
                school_classes=by_school,
            ),
            meetings,
        )

    async def seat_results(
        self,
        first: date,
        last: date,
        *,
        school: SchoolId | None = None,
        classroom: ClassroomId | None = None,
        states: Collection[SeatState] = (),
        after: tuple[date, OccurrenceId, str] | None = None,
        newest: bool = False,
        without: Collection[OccurrenceId] = (),
        skip: int = 0,
        limit: int,
    ) -> Sequence[SeatResult]:
        """Single seats by date, lesson and seat, from after the one named.

        `newest`: the latest date first, then by lesson and seat. `without` these lessons.
        """
        r = seat_results.c
        async with self._database.read() as connection:
            statement = (
                select(seat_results)
                .where(r.rules == await _number(connection), r.date.between(first, last))
                .order_by(r.date.desc() if newest else r.date, r.occurrence, r.seat)
                .offset(skip)
                .limit(limit)
            )
            if without:
                statement = statement.where(r.occurrence.not_in(sorted(without)))
            if school is not None:
                statement = statement.where(r.school == school)
            if classroom is not None:
                statement = statement.where(r.classroom == classroom)
            if states:
                statement = statement.where(r.state.in_(sorted(s.value for s in states)))
            if after is not None:
                day, occurrence, seat = after
                statement = statement.where(
                    or_(
                        r.date > day,
                        and_(r.date == day, r.occurrence > occurrence),
                        and_(r.date == day, r.occurrence == occurrence, r.seat > seat),
                    )
                )
            return [result_from(row) for row in await rows(connection, statement)]

    async def results_of(self, lessons: Collection[OccurrenceId]) -> Sequence[SeatResult]:
        """The seats of these lessons, by lesson and seat."""
        found: list[SeatResult] = []
        r = seat_results.c
        async with self._database.read() as connection:
            number = await _number(connection)
            for chunk in in_chunks(sorted(lessons)):
                statement = select(seat_results).where(r.rules == number, r.occurrence.in_(chunk))
                ordered = statement.order_by(r.occurrence, r.seat)
                found += [result_from(row) for row in await rows(connection, ordered)]
        return found


async def _number(connection: AsyncConnection) -> int:
    """The version of the rules whose results are read."""
    found = (await connection.execute(select(rules_in_force.c.number))).scalar()
    return 1 if found is None else found


async def _known(connection: AsyncConnection, number: int) -> dict[str, set[date]]:
    """Weeks and months whose sums are those of their days."""
    known: dict[str, set[date]] = {WEEK: set(), MONTH: set()}
    statement = select(rolled_spans).where(
        rolled_spans.c.rules == number, rolled_spans.c.span.in_(sorted(known))
    )
    for row in await rows(connection, statement):
        known[row.span].add(row.start)
    return known


def _in(table: Table, span: str, cut: Cut) -> ColumnElement[bool]:
    """The rows that a period in these pieces consists of."""
    parts = [and_(table.c.span == DAY, table.c.start.between(*run)) for run in cut.days]
    if cut.whole:
        parts.append(and_(table.c.span == span, table.c.start.in_(cut.whole)))
    return or_(*parts)


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    # PostgreSQL sums whole numbers to a decimal, which costs more to read than all the rest.
    return cast(func.sum(column), BigInteger)


async def _tallies(
    connection: AsyncConnection, number: int, where: ColumnElement[bool]
) -> dict[tuple[str, str], Tally]:
    c = rollups.c
    statement = (
        select(c.dim, c.key, *(_sum(c[name]) for name in ADDITIVE))
        .where(c.rules == number, where)
        .group_by(c.dim, c.key)
    )
    return {(row[0], row[1]): Tally(*row[2:]) for row in await rows(connection, statement)}


async def _pupils(
    connection: AsyncConnection, number: int, where: ColumnElement[bool]
) -> dict[tuple[str, str], int]:
    """Each class once in its group, with the most pupils counted, or else its enrolment."""
    c = rollup_classes.c
    most = (
        select(c.dim, c.key, c["class"].label("of"), func.max(c.present).label("most"))
        .where(c.rules == number, where)
        .group_by(c.dim, c.key, c["class"])
        .subquery()
    )
    statement = (
        select(most.c.dim, most.c.key, _sum(func.coalesce(most.c.most, classes.c.enrolment, 0)))
        .select_from(most.outerjoin(classes, classes.c.id == most.c.of))
        .group_by(most.c.dim, most.c.key)
    )
    return {(row[0], row[1]): row[2] for row in await rows(connection, statement)}


async def _school_classes(
    connection: AsyncConnection, number: int, where: ColumnElement[bool]
) -> dict[SchoolId, frozenset[ClassId]]:
    """The classes that were reached, by the school whose classroom they sat in."""
    c = rollup_classes.c
    statement = (
        select(c.key, c["class"]).where(c.rules == number, c.dim == "school", where).distinct()
    )
    found: dict[SchoolId, set[ClassId]] = {}
    for school, school_class in await rows(connection, statement):
        found.setdefault(school, set()).add(school_class)
    return {school: frozenset(group) for school, group in found.items()}


async def _by_week(connection: AsyncConnection, number: int, cut: Cut) -> dict[str, Tally]:
    """The programme's sums by ISO week: those that are kept, and of the others their days'."""
    c, k = rollups.c, rollup_classes.c
    found: dict[str, Tally] = {}
    if cut.whole:
        kept = select(c.start, *(c[name] for name in ADDITIVE)).where(
            c.rules == number, c.span == WEEK, c.start.in_(cut.whole), c.dim == TOTAL
        )
        found = {iso_week(row[0]): Tally(*row[1:]) for row in await rows(connection, kept)}
        pupils = (
            select(k.start, _sum(func.coalesce(k.present, classes.c.enrolment, 0)))
            .select_from(rollup_classes.outerjoin(classes, classes.c.id == k["class"]))
            .where(k.rules == number, k.span == WEEK, k.start.in_(cut.whole), k.dim == TOTAL)
            .group_by(k.start)
        )
        for row in await rows(connection, pupils):
            found[iso_week(row[0])].pupils_reached = row[1]
    for run in cut.days:
        days = Cut((), (run,))
        here = _in(rollups, WEEK, days) & (c.dim == TOTAL)
        for sums in (await _tallies(connection, number, here)).values():
            reached = _in(rollup_classes, WEEK, days) & (k.dim == TOTAL)
            for pupils_reached in (await _pupils(connection, number, reached)).values():
                sums.pupils_reached = pupils_reached
            found[iso_week(run[0])] = sums
    return found


async def _cells(
    connection: AsyncConnection, number: int, cut: Cut
) -> dict[str, dict[SchoolId, WeekCell]]:
    """Weeks × schools."""
    c = rollups.c
    due = sum((c[name] for name in _DUE[1:]), start=c[_DUE[0]])
    statement = select(
        c.start, c.key, c.due_periods, c.held_periods, due.label("due_seats"), c.held_seats
    ).where(c.rules == number, c.dim == "school", _in(rollups, WEEK, cut))
    cells: dict[str, dict[SchoolId, WeekCell]] = {}
    weeks = _Once(lambda start: cells.setdefault(iso_week(monday_of(start)), {}))
    for start, school, *values in await rows(connection, statement):
        row = weeks[start]
        before = row.get(school)
        if before is not None:  # days of one week
            values = [a + getattr(before, n) for a, n in zip(values, _CELL, strict=True)]
        row[school] = WeekCell(*values)
    return cells


class _Once(dict[date, dict[SchoolId, WeekCell]]):
    """Found once for each day: there are tens of thousands of rows to a few dozen days."""

    def __init__(self, find: Callable[[date], dict[SchoolId, WeekCell]]) -> None:
        self._find = find

    def __missing__(self, start: date) -> dict[SchoolId, WeekCell]:
        self[start] = self._find(start)
        return self[start]


async def _meetings(connection: AsyncConnection, first: date, last: date) -> tuple[Meeting, ...]:
    m = meeting_results.c
    statement = select(meeting_results).where(m.date.between(first, last)).order_by(m.occurrence)
    return tuple(
        Meeting(
            row.occurrence,
            row.date,
            {t: tuple((a, b) for a, b in spans) for t, spans in row.presence.items()},
        )
        for row in await rows(connection, statement)
    )
