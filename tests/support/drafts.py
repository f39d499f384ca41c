"""A draft in memory, for tests of editing: commands in, steps and a working copy out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sync_classroom.domain.bundle import written
from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.edit import EditDesk, decide
from sync_classroom.domain.edit_files import name_of
from sync_classroom.domain.edits import AddSeries, Command
from sync_classroom.domain.ids import (
    BellSetId,
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeriesId,
    TeacherId,
    TermId,
)
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.roster import BellSet, Period, Roster, Term
from sync_classroom.domain.series import Series, SeriesSeat
from sync_classroom.domain.timetable import Host, Occurrence
from sync_classroom.domain.working_copy import Images, Step, WorkingCopy, moved_to
from tests.support.plans import at
from tests.support.rosters import programme

ZONE = ZoneInfo("Asia/Shanghai")
TERM = Term(
    TermId("2026-autumn"), "第一学期", date(2026, 8, 31), date(2026, 9, 1), date(2026, 10, 30)
)
NOW = at("07:00", "2026-09-16")  # Wednesday of week 3
_BELLS = (
    Period(1, time(8, 10), time(8, 50)),
    Period(2, time(9, 0), time(9, 40)),
    Period(3, time(10, 0), time(10, 40)),
)


def roster() -> Roster:
    """`programme()` with three periods at every school, a short term and no exceptions."""
    known = programme()
    bells = {i: BellSet(BellSetId(i), b.school, _BELLS) for i, b in known.bell_sets.items()}
    return replace(known, terms={TERM.id: TERM}, days=(), bell_sets=bells)


def seat(room: str = "remote-1-r1", expected: int | None = None) -> SeriesSeat:
    """A seat in this room, with the class and the assistant of the same number."""
    school, _, number = room.rpartition("-r")
    return SeriesSeat(
        ClassroomId(room),
        ClassId(f"{school}-c{number}"),
        expected,
        TeacherId(f"{school}-t{number}"),
    )


def rule(
    ident: str = "eng",
    weekday: int | None = 1,
    period: int | None = 1,
    *,
    n: int = 1,
    **changes: object,
) -> Series:
    """A rule of `host-1` with room, teacher and class `n`, and one remote seat."""
    series = Series(
        SeriesId(ident),
        TERM.id,
        "Unit",
        "英语",
        Host(
            SchoolId("host-1"),
            ClassroomId(f"host-1-r{n}"),
            TeacherId(f"host-1-t{n}"),
            ClassId(f"host-1-c{n}"),
        ),
        (seat(),),
        weekday,
        period,
        grade=3,
    )
    return replace(series, **changes)  # type: ignore[arg-type]  # a test's own fields


class Draft:
    """A draft over a published state. `now` and `roster` may be set between edits.

    `since` is when what is published was published.
    """

    def __init__(self, now: datetime = NOW, known: Roster | None = None) -> None:
        self.now = now
        self.roster = known or roster()
        self.base = Images()
        self.copy = WorkingCopy(self.base)
        self.steps: list[Step] = []
        self.since = self.now
        self._ids = 0

    def desk(self, by: str = "li") -> EditDesk:
        return EditDesk(
            self.roster,
            Calendar(self.roster),
            ZONE,
            self.now,
            by,
            self._new_id,
            TERM.id,
        )

    def do(self, command: Command, by: str = "li") -> Step:
        """Decide and take it; the step, possibly an empty one."""
        ids = self._ids
        try:
            decision = decide(command, self.copy, self.desk(by))
        except ProblemError:
            # What was refused leaves no trace in what comes after.
            self._ids = ids
            raise
        number = len(self.steps) + 1
        step = Step(
            number, f"k{number}", by, self.now, name_of(command), decision.before, decision.after
        )
        assert self.copy.apply(step) == ()
        self.steps.append(step)
        return step

    def _new_id(self) -> str:
        self._ids += 1
        return f"n{self._ids}"

    def publish(self) -> None:
        """What the draft has is what is published now."""
        self.base = Images(dict(self.copy.occurrences), dict(self.copy.series))
        self.copy = WorkingCopy(self.base)
        self.steps = []
        self.since = self.now

    def lesson(self, ident: str) -> Occurrence:
        return self.copy.occurrences[OccurrenceId(ident)]

    def ahead(self, ident: str) -> Occurrence:
        """Where a lesson is now: the end of its moves, or itself."""
        lesson = self.lesson(ident)
        while (to := moved_to(lesson)) is not None:
            lesson = self.lesson(to)
        return lesson

    def standing(self, series: str) -> list[str]:
        """The lessons of a rule that take place, as `09-21 08:10`, by start."""
        return shown(self.copy.of_series(SeriesId(series)))


def published(*rules: Series, now: datetime = NOW, begun_at: datetime | None = None) -> Draft:
    """A draft over these rules, published before the term began, with `now` come since."""
    draft = Draft(begun_at or at("07:00", "2026-08-31"))
    for each in rules:
        draft.do(AddSeries(each))
    draft.publish()
    draft.now = draft.since = now
    return draft


def shown(lessons: Iterable[Occurrence]) -> list[str]:
    """Lessons that take place, as `09-21 08:10`, by start."""
    return [
        f"{o.starts_at:%m-%d %H:%M}"
        for o in sorted(lessons, key=lambda o: o.starts_at)
        if not o.withdrawn
    ]


def as_sent(command: Command) -> dict[str, object]:
    """A command as a client sends it, every field written out."""
    return {"do": name_of(command), **written(command)}
