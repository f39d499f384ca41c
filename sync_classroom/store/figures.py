"""A period's sums, read from those kept of its months, weeks and days; single results of seats."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Table,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.calendar import iso_week
from ..domain.crediting import SeatState
from ..domain.ids import ClassId, ClassroomId, OccurrenceId, SchoolId
from ..domain.judging import Rolled
from ..domain.modes import Meeting
from ..domain.rollup import ADDITIVE, Groups, SeatResult, Tally, WeekCell, groups_of
from ..domain.spans import Cut, cut_period, cut_weeks, reach_of
from .queries import Queries, in_chunks, rows
from .rollup_tables import (
    meeting_results,
    rollup_classes,
    rollup_week_classes,
    rollups,
    rules_in_force,
    seat_results,
)
from .rollups import CLASS_KEYS, DAY, HALF, MONTH, TOTAL, WEEK, inside, kept_spans, result_from
from .tables import classes

NO_GROUPS: Final = groups_of((), {})
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
        begins, ends = reach_of(first, last)
        async with self._database.read() as connection:
            number = await _number(connection)
            kept = await kept_spans(connection, number, begins, ends)
            days = sorted(kept[DAY])
            cut = cut_period(
                first, last, days, halves=kept[HALF], months=kept[MONTH], weeks=kept[WEEK]
            )
            weeks = cut_weeks(first, last, days, kept[WEEK])
            meetings = await _meetings(connection, first, last)
            groups = await _groups(connection, number, cut, weeks) if cut else NO_GROUPS
        return Rolled(number, groups, meetings)

    async def meetings_on(self, first: date, last: date) -> Sequence[Meeting]:
        """The counted research meetings of the civil days `[first, last]`, by id."""
        async with self._database.read() as connection:
            return await _meetings(connection, first, last)

    async def weeks_of_place(
        self,
        first: date,
        last: date,
        *,
        school: SchoolId | None = None,
        classroom: ClassroomId | None = None,
    ) -> Mapping[str, Tally]:
        """The sums of one school or one classroom by ISO week; its pupils are left at 0."""
        dim, key = ("classroom", classroom) if classroom is not None else ("school", school)
        begins, ends = reach_of(first, last)
        async with self._database.read() as connection:
            number = await _number(connection)
            kept = await kept_spans(connection, number, begins, ends)
            weeks = cut_weeks(first, last, sorted(kept[DAY]), kept[WEEK])
            found = await _week_sums(connection, number, weeks, dim, key or "") if weeks else {}
        return {iso_week(start): sums for start, sums in sorted(found.items())}

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


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    # PostgreSQL sums whole numbers to a decimal, which costs more to read than all the rest.
    return cast(func.sum(column), BigInteger)


async def _groups(
    connection: AsyncConnection, number: int, cut: Cut, weeks: Mapping[date, Sequence[date]]
) -> Groups:
    """The sums of a period in these pieces, of which there is at least one."""
    tallies = await _tallies(connection, number, cut)
    for group, pupils in (await _pupils(connection, number, cut)).items():
        tallies[group].pupils_reached = pupils
    by_school = await _school_classes(connection, number, cut)

    def by(dim: str) -> dict[Any, Tally]:
        return {key: sums for (of, key), sums in tallies.items() if of == dim}

    return Groups(
        total=tallies.get((TOTAL, ""), Tally()),
        by_school=by("school"),
        by_classroom=by("classroom"),
        by_subject=by("subject"),
        by_teacher=by("teacher"),
        by_host_school=by("host_school"),
        by_week=await _by_week(connection, number, weeks),
        by_week_school=await _cells(connection, number, weeks),
        classes=frozenset(c for group in by_school.values() for c in group),
        school_classes=by_school,
    )


async def _tallies(
    connection: AsyncConnection, number: int, cut: Cut
) -> dict[tuple[str, str], Tally]:
    c = rollups.c
    statement = (
        select(c.dim, c.key, *(_sum(c[name]) for name in ADDITIVE))
        .where(c.rules == number, inside(rollups, cut))
        .group_by(c.dim, c.key)
    )
    return {(row[0], row[1]): Tally(*row[2:]) for row in await rows(connection, statement)}


async def _pupils(connection: AsyncConnection, number: int, cut: Cut) -> dict[tuple[str, str], int]:
    """Each class once in its group, with the most pupils counted, or else its enrolment."""
    c = rollup_classes.c
    # Who sat where under whom comes back every week: a year is reduced to a month's rows first.
    most = (
        select(*(c[name] for name in CLASS_KEYS), func.max(c.present).label("most"))
        .where(c.rules == number, inside(rollup_classes, cut))
        .group_by(*(c[name] for name in CLASS_KEYS))
        .cte("most")
    )
    m = most.c
    keys: list[tuple[str, ColumnElement[str]]] = [
        (name, m[name]) for name in CLASS_KEYS if name != "class"
    ]
    keys.append((TOTAL, literal("", Text)))
    once = union_all(
        *(
            select(literal(dim, Text).label("dim"), key.label("key"), m["class"].label("of"),
                   func.max(m.most).label("most"))
            .group_by(*([] if dim == TOTAL else [key]), m["class"])
            for dim, key in keys
        )
    ).subquery()  # fmt: skip
    statement = (
        select(once.c.dim, once.c.key, _sum(func.coalesce(once.c.most, classes.c.enrolment, 0)))
        .select_from(once.outerjoin(classes, classes.c.id == once.c.of))
        .group_by(once.c.dim, once.c.key)
    )
    return {(row[0], row[1]): row[2] for row in await rows(connection, statement)}


async def _school_classes(
    connection: AsyncConnection, number: int, cut: Cut
) -> dict[SchoolId, frozenset[ClassId]]:
    """The classes that were reached, by the school whose classroom they sat in."""
    c = rollup_classes.c
    statement = (
        select(c.school, c["class"])
        .where(c.rules == number, inside(rollup_classes, cut))
        .distinct()
    )
    found: dict[SchoolId, set[ClassId]] = {}
    for school, school_class in await rows(connection, statement):
        found.setdefault(school, set()).add(school_class)
    return {school: frozenset(group) for school, group in found.items()}


# ---------------------------------------------------------------------------- by week


def _weekly(
    table: Table, weeks: Mapping[date, Sequence[date]]
) -> tuple[ColumnElement[date], ColumnElement[bool]]:
    """The Monday of a row, and the rows that these weeks consist of; see `spans.cut_weeks`."""
    c = table.c
    whole = [monday for monday, days in weeks.items() if not days]
    parts = {monday: days for monday, days in weeks.items() if days}
    cut = Cut(weeks=tuple(whole), days=tuple(day for days in parts.values() for day in days))
    if not parts:
        return c.start, inside(table, cut)
    own = [((c.span == DAY) & c.start.in_(days), literal(m, Date)) for m, days in parts.items()]
    return case(*own, else_=c.start), inside(table, cut)


async def _by_week(
    connection: AsyncConnection, number: int, weeks: Mapping[date, Sequence[date]]
) -> dict[str, Tally]:
    """The programme's sums by ISO week."""
    found = await _week_sums(connection, number, weeks, TOTAL, "")
    for start, reached in (await _weekly_pupils(connection, number, weeks)).items():
        found[start].pupils_reached = reached
    return {iso_week(start): sums for start, sums in found.items()}


async def _week_sums(
    connection: AsyncConnection,
    number: int,
    weeks: Mapping[date, Sequence[date]],
    dim: str,
    key: str,
) -> dict[date, Tally]:
    """The sums of one group by the Mondays of its weeks."""
    c = rollups.c
    monday, where = _weekly(rollups, weeks)
    sums: list[Any] = [_sum(c[name]) for name in ADDITIVE]
    statement = (
        select(monday.label("monday"), *sums)
        .where(c.rules == number, c.dim == dim, c.key == key, where)
        .group_by("monday")
    )
    return {row[0]: Tally(*row[1:]) for row in await rows(connection, statement)}


async def _weekly_pupils(
    connection: AsyncConnection, number: int, weeks: Mapping[date, Sequence[date]]
) -> dict[date, int]:
    """As `_pupils`, of the whole programme by week."""
    k, c = rollup_week_classes.c, rollup_classes.c
    whole = [monday for monday, days in weeks.items() if not days]
    sources: list[Any] = []
    if whole:
        sources.append(
            select(k.start.label("monday"), k["class"].label("of"), k.present.label("most")).where(
                k.rules == number, k.start.in_(whole)
            )
        )
    parts = {monday: days for monday, days in weeks.items() if days}
    if parts:
        monday, where = _weekly(rollup_classes, parts)
        sources.append(
            select(
                monday.label("monday"), c["class"].label("of"), func.max(c.present).label("most")
            )
            .where(c.rules == number, where)
            .group_by("monday", c["class"])
        )
    most = union_all(*sources).subquery()
    statement = (
        select(most.c.monday, _sum(func.coalesce(most.c.most, classes.c.enrolment, 0)))
        .select_from(most.outerjoin(classes, classes.c.id == most.c.of))
        .group_by(most.c.monday)
    )
    return {row[0]: row[1] for row in await rows(connection, statement)}


async def _cells(
    connection: AsyncConnection, number: int, weeks: Mapping[date, Sequence[date]]
) -> dict[str, dict[SchoolId, WeekCell]]:
    """Weeks × schools: in a province some 65 000, so nothing is done twice to a row."""
    c = rollups.c
    due = sum((c[name] for name in _DUE[1:]), start=c[_DUE[0]])
    monday, where = _weekly(rollups, weeks)
    cells: list[Any] = [c.due_periods, c.held_periods, due, c.held_seats]
    summed = any(weeks.values())  # days of one week
    statement = select(
        monday.label("monday"), c.key, *(_sum(cell) if summed else cell for cell in cells)
    ).where(c.rules == number, c.dim == "school", where)
    if summed:
        statement = statement.group_by("monday", c.key)
    by_start: dict[date, dict[SchoolId, WeekCell]] = {}
    for row in await rows(connection, statement):
        by_start.setdefault(row[0], {})[row[1]] = WeekCell._make(row[2:])
    return {iso_week(start): row for start, row in by_start.items()}


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
