"""What the facts came to, kept up to date: lessons to be counted again, seats' results, their sums.

A lesson's results are replaced in one transaction with the sums of its day; the sums of weeks and
months follow later from those of the days, and are not read before they do. Whatever is cut off
halfway leaves its rows in `stale_results` and is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Date,
    Executable,
    Integer,
    Table,
    Text,
    bindparam,
    case,
    cast,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.crediting import NOT_DUE, Cause, SeatState
from ..domain.ids import ClassroomId, OccurrenceId, SchoolId
from ..domain.judging import Judged, LessonAside
from ..domain.modes import Meeting
from ..domain.rollup import ADDITIVE, PER_LESSON, SeatResult
from ..domain.spans import (
    Cut,
    cut_period,
    half_of,
    monday_of,
    month_of,
    next_half,
    next_month,
)
from ..domain.timetable import Occurrence
from . import tables
from .opinions import keep_opinions
from .plan_rows import load_occurrences, touches
from .queries import Insert, Queries, in_chunks, rows
from .rollup_tables import (
    lessons_aside,
    meeting_results,
    rolled_spans,
    rollup_classes,
    rollup_week_classes,
    rollups,
    seat_results,
    stale_results,
)
from .tables import occurrences, seats

# Any constant of our own: results are replaced by one coordinator after the other.
ROLLUP_LOCK: Final = 0x5C_1A55_0010

DAY, WEEK, MONTH, HALF = "day", "week", "month", "half"
TOTAL: Final = "total"
_WEEK: Final = timedelta(days=7)
_SPANS: Final[Mapping[str, tuple[Callable[[date], date], Callable[[date], date]]]] = {
    WEEK: (monday_of, lambda day: monday_of(day) + _WEEK),
    MONTH: (month_of, next_month),
    HALF: (half_of, next_half),
}
"""The first day of the span that a day is in, and that of the one after it; each is made of those
before it."""
# What a group's key is taken from, by dimension.
_KEYS: Final[dict[str, ColumnElement[str]]] = {
    TOTAL: literal("", Text),
    "school": seat_results.c.school,
    "classroom": seat_results.c.classroom,
    "subject": seat_results.c.subject,
    "teacher": seat_results.c.teacher,
    "host_school": seat_results.c.host_school,
}
# What tells the rows of `rollup_classes` of one span apart.
CLASS_KEYS: Final = ("school", "classroom", "class", "subject", "host_school", "teacher")
_FIELDS: Final = tuple(f.name for f in fields(SeatResult))
_COLUMNS: Final = {"school_class": "class"}


class OvertakenError(Exception):
    """Somebody else has counted these lessons in the meantime."""


class RollupQueries(Queries):
    """`RollupStore` of the coordinator's ports."""

    async def stale_lessons(
        self, limit: int, *, tried: datetime | None = None
    ) -> Sequence[tuple[int, OccurrenceId]]:
        """The first lessons to be counted again, each with the number of its mark.

        Without those that were set aside after `tried`.
        """
        statement = select(stale_results).order_by(stale_results.c.seq).limit(limit)
        if tried is not None:
            aside = select(lessons_aside.c.occurrence).where(lessons_aside.c.at > tried)
            statement = statement.where(stale_results.c.occurrence.not_in(aside))
        async with self._database.read() as connection:
            return [(row.seq, row.occurrence) for row in await rows(connection, statement)]

    async def set_aside(
        self, lesson: OccurrenceId, marks: Sequence[int], *, at: datetime, error: str
    ) -> None:
        """Remember that a lesson could not be counted; of these marks one is left."""
        values = {"at": at, "error": error}
        async with self._database.write() as connection:
            await connection.execute(
                self._insert(lessons_aside)
                .values(occurrence=lesson, **values)
                .on_conflict_do_update(index_elements=["occurrence"], set_=values)
            )
            # It is marked every few seconds while it is live, and may fail for ever.
            await _delete_marks(connection, sorted(marks)[:-1])

    async def lessons_aside(self, limit: int) -> Sequence[LessonAside]:
        """Lessons that could not be counted, those tried last first."""
        c = lessons_aside.c
        statement = select(lessons_aside).order_by(c.at.desc(), c.occurrence).limit(limit)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return [LessonAside(row.occurrence, row.at, row.error) for row in found]

    async def stale_count(self) -> int:
        """How many lessons are to be counted again."""
        statement = select(func.count(stale_results.c.occurrence.distinct()))
        async with self._database.read() as connection:
            found: int = (await connection.execute(statement)).scalar_one()
            return found

    async def sharing_rooms(self, lessons: Collection[OccurrenceId]) -> Sequence[Occurrence]:
        """These lessons and every one that may take credit from one of them, by start then id.

        Those are the ones whose windows overlap in a common classroom, and so on from lesson to
        lesson.
        """
        found: dict[OccurrenceId, Occurrence] = {}
        waiting: Sequence[Occurrence] = []
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(lessons)):
                waiting = [
                    *waiting,
                    *await load_occurrences(connection, occurrences.c.id.in_(chunk)),
                ]
            while waiting:
                found |= {o.id: o for o in waiting}
                near: set[OccurrenceId] = set()
                for lesson in waiting:
                    near |= set(await _overlapping(connection, lesson))
                waiting = []
                for chunk in in_chunks(sorted(near - found.keys())):
                    more = await load_occurrences(connection, occurrences.c.id.in_(chunk))
                    waiting = [*waiting, *more]
        return sorted(found.values(), key=lambda o: (o.starts_at, o.id))

    async def plan_dates(self) -> tuple[date, date] | None:
        """The first and the last date of any lesson, None without one."""
        statement = select(func.min(occurrences.c.date), func.max(occurrences.c.date))
        async with self._database.read() as connection:
            first, last = (await connection.execute(statement)).one()
        return None if first is None else (first, last)

    async def schools_of(
        self, classrooms: Collection[ClassroomId]
    ) -> Mapping[ClassroomId, SchoolId]:
        """The schools of classrooms, as they are stored now."""
        found: dict[ClassroomId, SchoolId] = {}
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(classrooms)):
                statement = select(tables.classrooms.c.id, tables.classrooms.c.school).where(
                    tables.classrooms.c.id.in_(chunk)
                )
                found |= {row.id: row.school for row in await rows(connection, statement)}
        return found

    async def store_results(self, marks: Sequence[int], judged: Judged) -> bool:
        """Replace the results of lessons, with the sums of their days; take `marks` away.

        False, and nothing is stored, if a mark is gone: somebody else has counted them then, maybe
        from later facts.
        """
        try:
            async with self._database.write() as connection:
                await self._alone(connection, ROLLUP_LOCK)
                await _take_marks(connection, marks)
                touched = await _replace(connection, judged)
                for number, day in sorted(touched):
                    await sum_day(connection, self._insert, number, day)
                await keep_opinions(connection, judged.opinions)
        except OvertakenError:
            return False
        return True

    async def spans_to_roll(
        self, rules: Collection[int], today: date
    ) -> Sequence[tuple[int, str, date]]:
        """What is to be summed of its parts, as those have changed: rules, span, first day.

        Weeks, months, and halves of school years that are over: of the one that goes on every
        lesson would change the sums. In the order in which each is made of those before it.
        """
        statement = select(rolled_spans).where(rolled_spans.c.rules.in_(list(rules)))
        async with self._database.read() as connection:
            done = {(r.rules, r.span, r.start) for r in await rows(connection, statement)}
        days = [(number, day) for number, span, day in done if span == DAY]
        wanted: list[tuple[int, str, date]] = []
        for span, (begin, end) in _SPANS.items():
            own = {(number, span, begin(day)) for number, day in days}
            over = own if span != HALF else {o for o in own if end(o[2]) <= today}
            wanted += sorted(over - done)
        return wanted

    async def roll_span(self, rules: int, span: str, start: date) -> None:
        """Sum a week of its days, a month of its weeks and the days beside them, a half of all."""
        end = _SPANS[span][1](start)
        last = end - timedelta(days=1)
        async with self._database.write() as connection:
            await self._alone(connection, ROLLUP_LOCK)
            for table in (rollups, rollup_classes, rolled_spans):
                await connection.execute(
                    delete(table).where(
                        table.c.rules == rules, table.c.span == span, table.c.start == start
                    )
                )
            kept = await kept_spans(connection, rules, monday_of(start), monday_of(end) + _WEEK)
            cut = cut_period(
                start,
                last,
                sorted(kept[DAY]),
                weeks=kept[WEEK] if span != WEEK else (),
                months=kept[MONTH] if span == HALF else (),
            )
            head: list[Any] = _head(rules, span, start)
            sums: list[Any] = [func.sum(rollups.c[name]) for name in ADDITIVE]
            for table, values, group in (
                (rollups, sums, ("dim", "key")),
                (rollup_classes, [func.max(rollup_classes.c.present)], CLASS_KEYS),
            ):
                keys = [table.c[name] for name in group]
                wanted = (
                    select(*head, *keys, *values)
                    .where(table.c.rules == rules, inside(table, cut))
                    .group_by(*keys)
                )
                await connection.execute(insert(table).from_select(list(table.c), wanted))
            if span == WEEK:
                await _classes_of_week(connection, rules, start)
            await connection.execute(
                insert(rolled_spans).values(rules=rules, span=span, start=start)
            )


async def _classes_of_week(connection: AsyncConnection, rules: int, start: date) -> None:
    """Each class once, from the week's own rows."""
    own, c = rollup_week_classes, rollup_classes.c
    await connection.execute(delete(own).where(own.c.rules == rules, own.c.start == start))
    wanted = (
        select(literal(rules, Integer), literal(start, Date), c["class"], func.max(c.present))
        .where(c.rules == rules, c.span == WEEK, c.start == start)
        .group_by(c["class"])
    )
    await connection.execute(insert(own).from_select(list(own.c), wanted))


async def kept_spans(
    connection: AsyncConnection, rules: int, first: date, last: date
) -> Mapping[str, set[date]]:
    """The first days of whatever has sums, by span: those in `[first, last]`."""
    found: dict[str, set[date]] = {DAY: set(), **{span: set() for span in _SPANS}}
    c = rolled_spans.c
    statement = select(c.span, c.start).where(c.rules == rules, c.start.between(first, last))
    for span, start in await rows(connection, statement):
        found[span].add(start)
    return found


def inside(table: Table, cut: Cut) -> ColumnElement[bool]:
    """The rows of sums that a period in these pieces consists of."""
    pieces = (
        (HALF, cut.halves), (MONTH, cut.months), (WEEK, cut.weeks), (DAY, cut.days)
    )  # fmt: skip
    parts = [(table.c.span == span) & table.c.start.in_(found) for span, found in pieces if found]
    return or_(false(), *parts)


async def mark_lessons(connection: AsyncConnection, lessons: Iterable[OccurrenceId]) -> None:
    """Have lessons counted again, whether the plan knows them or not (yet)."""
    found = [{"occurrence": o} for o in sorted(set(lessons))]
    if found:
        await connection.execute(insert(stale_results), found)


async def mark_where(connection: AsyncConnection, where: ColumnElement[bool]) -> None:
    """Have the lessons counted again that meet a condition."""
    wanted = select(occurrences.c.id).where(where)
    await connection.execute(insert(stale_results).from_select(["occurrence"], wanted))


async def mark_around(connection: AsyncConnection, from_at: datetime, to_at: datetime) -> None:
    """Have the lessons counted again whose windows touch `[from_at, to_at)`."""
    await mark_where(connection, touches(from_at, to_at))


async def _overlapping(connection: AsyncConnection, lesson: Occurrence) -> list[OccurrenceId]:
    """Ids of the lessons that overlap one in a room of its own seats."""
    rooms = sorted({s.classroom for s in lesson.seats})
    found: list[OccurrenceId] = []
    for chunk in in_chunks(rooms):
        statement = (
            select(occurrences.c.id)
            .join(seats, seats.c.occurrence == occurrences.c.id)
            .where(touches(lesson.starts_at, lesson.ends_at), seats.c.classroom.in_(chunk))
            .distinct()
        )
        found += [row.id for row in await rows(connection, statement)]
    return found


async def _take_marks(connection: AsyncConnection, marks: Sequence[int]) -> None:
    if await _delete_marks(connection, marks) != len(marks):
        raise OvertakenError


async def _delete_marks(connection: AsyncConnection, marks: Sequence[int]) -> int:
    gone = 0
    for start in range(0, len(marks), 500):
        chunk = marks[start : start + 500]
        done = await connection.execute(delete(stale_results).where(stale_results.c.seq.in_(chunk)))
        gone += done.rowcount
    return gone


async def _replace(connection: AsyncConnection, judged: Judged) -> set[tuple[int, date]]:
    """The new results for the old ones; by version of the rules, the days that may differ."""
    touched: set[tuple[int, date]] = set()
    for chunk in in_chunks(sorted(judged.lessons)):
        ours = seat_results.c.occurrence.in_(chunk), seat_results.c.rules.in_(list(judged.results))
        before = select(seat_results.c.rules, seat_results.c.date).where(*ours).distinct()
        touched |= {(row.rules, row.date) for row in await rows(connection, before)}
        await connection.execute(delete(seat_results).where(*ours))
        await connection.execute(delete(lessons_aside).where(lessons_aside.c.occurrence.in_(chunk)))
        await connection.execute(
            delete(meeting_results).where(meeting_results.c.occurrence.in_(chunk))
        )
    for number, results in judged.results.items():
        touched |= {(number, r.date) for r in results}
        if results:
            await connection.execute(
                insert(seat_results), [{"rules": number, **result_row(r)} for r in results]
            )
    if judged.meetings:
        await connection.execute(insert(meeting_results), [_meeting(m) for m in judged.meetings])
    return touched


def result_row(result: SeatResult) -> dict[str, Any]:
    """A result as a row, without the version of the rules."""
    row = {_COLUMNS.get(name, name): getattr(result, name) for name in _FIELDS}
    row["state"] = result.state.value
    row["cause"] = result.cause and result.cause.value
    return row


def result_from(row: Any) -> SeatResult:
    """A row of `seat_results` as the domain has it."""
    values = {name: row._mapping[_COLUMNS.get(name, name)] for name in _FIELDS}
    values["state"] = SeatState(values["state"])
    values["cause"] = values["cause"] and Cause(values["cause"])
    return SeatResult(**values)


def _meeting(meeting: Meeting) -> dict[str, Any]:
    return {
        "occurrence": meeting.occurrence,
        "date": meeting.date,
        "presence": {t: [list(s) for s in spans] for t, spans in meeting.presence.items()},
    }


# ---------------------------------------------------------------------------- a day's sums


def _head(rules: int, span: str, start: date) -> list[Any]:
    """The first columns of a row of sums, as values."""
    return [literal(rules, Integer), literal(span, Text), literal(start, Date)]


def _when(condition: ColumnElement[bool], value: Any = 1) -> ColumnElement[int]:
    return case((condition, value), else_=0)


def _measures() -> dict[str, ColumnElement[int]]:
    """What one seat adds to each sum; those once a lesson are the same in all its seats."""
    r = seat_results.c
    due, held = r.state.not_in(sorted(s.value for s in NOT_DUE)), r.state == SeatState.HELD.value
    return {
        "due_periods": _when(due, r.periods),
        "held_periods": _when(held, r.periods),
        "credited_s": r.credited_s,
        "adjusted_s": r.adjusted_s,
        "due_credited_s": _when(due, r.credited_s),
        "due_host_s": _when(due, r.host_s),
        "attendances": _when(held, func.coalesce(r.present, r.expected, 0)),
        "interacted": _when(held, cast(r.interacted, Integer)),
        **{f"{s.value}_seats": _when(r.state == s.value) for s in SeatState},
        **{f"cause_{c.value}": _when(func.coalesce(r.cause, "") == c.value) for c in Cause},
        "host_s": _when(due, r.host_s),
        "host_window_s": _when(due, r.window_s),
        "host_periods": _when(held, r.periods),
    }


async def sum_day(
    connection: AsyncConnection, inserter: Callable[[Table], Insert], rules: int, day: date
) -> None:
    """Make a day's sums again; those of its week, month and half are not theirs any more."""
    for table in (rollups, rollup_classes):
        await connection.execute(
            delete(table).where(table.c.rules == rules, table.c.span == DAY, table.c.start == day)
        )
    await connection.execute(
        delete(rolled_spans).where(
            rolled_spans.c.rules == rules,
            or_(
                *(
                    (rolled_spans.c.span == span) & (rolled_spans.c.start == begin(day))
                    for span, (begin, _) in _SPANS.items()
                )
            ),
        )
    )
    await connection.execute(
        inserter(rolled_spans)
        .values(rules=rules, span=DAY, start=day)
        .on_conflict_do_nothing(index_elements=["rules", "span", "start"])
    )
    for statement in _day_sums():
        await connection.execute(statement, {"of_rules": rules, "of_day": day})


@cache
def _day_sums() -> tuple[Executable, Executable]:
    """Makes the sums of a day and its classes, of rules `of_rules` and day `of_day`.

    Made once: putting them together takes longer than executing them.
    """
    rules, day = bindparam("of_rules", type_=Integer), bindparam("of_day", type_=Date)
    head: list[Any] = [rules, literal(DAY, Text), day]
    r = seat_results.c
    here = (r.rules == rules) & (r.date == day)
    measures = _measures()
    sums: list[Any] = []
    for dim, key in _KEYS.items():
        lessons = (
            select(
                key.label("key"),
                *(
                    (func.max if name in PER_LESSON else func.sum)(value).label(name)
                    for name, value in measures.items()
                ),
            )
            .where(here)
            .group_by(*([] if dim == TOTAL else [key]), r.occurrence)
            .subquery()
        )
        of_lessons: list[Any] = [func.sum(lessons.c[name]) for name in ADDITIVE]
        sums.append(
            select(*head, literal(dim, Text), lessons.c.key, *of_lessons).group_by(lessons.c.key)
        )
    keys = [r[name] for name in CLASS_KEYS]
    classes = (
        select(*head, *keys, func.max(r.present))
        .where(here, r.state == SeatState.HELD.value, r["class"].is_not(None))
        .group_by(*keys)
    )
    return (
        insert(rollups).from_select(list(rollups.c), union_all(*sums)),
        insert(rollup_classes).from_select(list(rollup_classes.c), classes),
    )
