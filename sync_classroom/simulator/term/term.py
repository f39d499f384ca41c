"""A whole term from a seed: how its plan came about, and what each day left behind.

Nothing here reads a clock, and everything random hangs on the seed: the same seed, roster, and
last day make the same term to the last byte.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from ...domain.calendar import Calendar, days_between
from ...domain.crediting import Cause, SeatEvidence, SeatState, credited_seats
from ...domain.edit import EditDesk, decide_all
from ...domain.edits import AddSeries
from ...domain.evidence import Evidence
from ...domain.facts import Adjustment, Fact, PushProgress
from ...domain.ids import FactId, OccurrenceId, SeriesId, TermId
from ...domain.lesson import DEFAULT_RULES, EndReason, LessonRun, LessonState
from ...domain.plan_change import Edition, PlanChange
from ...domain.plan_diff import diff, kept
from ...domain.roster import Roster
from ...domain.series import Series
from ...domain.terminal_journal import TerminalSample
from ...domain.timetable import Mode, Occurrence, Plan, Push
from ...domain.working_copy import Images, Step, WorkingCopy
from . import other_modes
from .amendments import Amendments, Asked
from .fates import Fates
from .journals import TerminalJournals
from .media import Journal, Span, acts_of, gap_fact, host_samples, lost_span, seat_samples
from .programme import editions, enrolled, rng

#: Share of the seats with bad evidence that somebody vouches for a day later.
VOUCHED: Final = 0.08
RELAY: Final = "relay-1"
_PUBLISHED: Final = time(10, 0)
_EVENING: Final = time(23, 30)
_ORDERED: Final = time(16, 30)
_FRIDAY: Final = 5
_ID_BYTES: Final = 5
_NOTES: Final = ("开学课表", "新启用教室加入", "第二批新启用教室加入")
_REASONS: Final = (
    "线路故障期间教室按录播课堂录像补听，任课教师签字确认",
    "终端正常播放，学校网关丢弃回执，信息中心日志为证",
)


@dataclass(frozen=True, slots=True)
class PlanEdit:
    """One change of the plan. `step` is what the draft held of it, if it was published."""

    change: PlanChange
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What one date left behind. `received_at` is when the coordinator had all of it."""

    date: date
    received_at: datetime
    facts: tuple[Fact, ...]
    runs: tuple[LessonRun, ...]
    pushes: tuple[Push, ...]
    seats: tuple[SeatEvidence, ...] = field(repr=False)
    noted: tuple[TerminalSample, ...] = field(default=(), repr=False)


class SimulatedTerm:
    """The term `term` of a roster (with its national days), simulated to the end of `until`.

    `roster` is then the one of the simulated programme. `edits` are in order of time, `days` are
    made while they are read, once.
    """

    def __init__(
        self, roster: Roster, term: TermId, *, seed: int, until: date, rooms: int, zone: tzinfo
    ) -> None:
        self.seed = seed
        self.until = until
        self.term = roster.terms[term]
        self.roster = enrolled(roster, self.term, rooms)
        self.fates = Fates(seed, self.roster, self.term)
        self._zone = zone
        self._calendar = Calendar(self.roster)
        self._ids = rng(seed, "ids")
        self._journals = TerminalJournals(seed, self.roster)
        self._plan: dict[OccurrenceId, Occurrence] = {}
        self._series: dict[SeriesId, Series] = {}
        self._ends_at = datetime.combine(until, _EVENING, zone)
        edits = [*self._published(), self._meetings()]
        edits += self._amended()
        self.edits = tuple(
            sorted((e for e in edits if e.change.at <= self._ends_at), key=lambda e: e.change.at)
        )

    @property
    def occurrences(self) -> tuple[Occurrence, ...]:
        """Everything that is planned, as it stands after `edits`, by start then id."""
        return tuple(sorted(self._plan.values(), key=lambda o: (o.starts_at, o.id)))

    # ------------------------------------------------------------------ the plan

    def _published(self) -> Iterator[PlanEdit]:
        for number, edition in enumerate(editions(self.roster, self.term)):
            at = datetime.combine(edition.published_on, _PUBLISHED, self._zone)
            # A version that is published after the end is none; what it is about never was.
            if number and at > self._ends_at:
                return
            copy = WorkingCopy(Images(dict(self._plan), dict(self._series)))
            desk = EditDesk(
                self.roster, self._calendar, self._zone, at, "admin", self._new_id, self.term.id
            )
            decision = decide_all([AddSeries(s) for s in edition.rules], copy, desk)
            key = f"simulated-edition-{number + 1}"
            step = Step(
                number + 1, f"{key}-step", "admin", at, "several", decision.before, decision.after
            )
            copy.apply(step)
            entries = diff(copy.base, copy)
            counts = dict(sorted(Counter(e.kind.value for e in entries if not e.silent).items()))
            note = _NOTES[min(number, len(_NOTES) - 1)]
            published = Edition(self.term.id, 0, note, counts, kept(entries))
            self._take(decision.after)
            yield PlanEdit(
                PlanChange(decision.before, decision.after, at, "admin", key, edition=published),
                step,
            )

    def _meetings(self) -> PlanEdit:
        meetings = other_modes.meetings_of(self.seed, self.roster, self.term, self._zone)
        made = {m.id: m for m in meetings}
        first = editions(self.roster, self.term)[0].published_on
        at = datetime.combine(first, _PUBLISHED, self._zone) + timedelta(hours=1)
        self._plan |= made
        before, after = Images(dict.fromkeys(made)), Images(dict(made))
        return PlanEdit(
            PlanChange(before, after, at, "admin", "simulated-meetings", reason="教研计划")
        )

    def _amended(self) -> list[PlanEdit]:
        amendments = Amendments(
            self.seed, self.roster, self.term, self._series.values(), self._zone
        )
        lessons = [o for o in self.occurrences if o.mode is Mode.LIVE]
        asked = [a for lesson in lessons for a in amendments.of(lesson) if a.at <= self._ends_at]
        asked.sort(key=lambda a: (a.at, a.command.lesson, str(a.command)))
        return [self._amendment(number, each) for number, each in enumerate(asked, 1)]

    def _amendment(self, number: int, asked: Asked) -> PlanEdit:
        lesson = asked.command.lesson
        copy = WorkingCopy(Images({lesson: self._plan[lesson]}))
        desk = EditDesk(
            self.roster, self._calendar, self._zone, asked.at, asked.by, self._new_id, self.term.id
        )
        decision = decide_all((asked.command,), copy, desk)
        self._take(decision.after)
        return PlanEdit(
            PlanChange(
                decision.before, decision.after, asked.at, asked.by,
                f"simulated-amend-{number}", reason=asked.command.reason,
            )
        )  # fmt: skip

    def _take(self, after: Images) -> None:
        for ident, occurrence in after.occurrences.items():
            if occurrence is not None:
                self._plan[ident] = occurrence
        for name, series in after.series.items():
            if series is not None:
                self._series[name] = series

    def _new_id(self) -> str:
        made = self._ids.randbytes(_ID_BYTES)
        return base64.b32encode(made).decode("ascii").lower()

    # ------------------------------------------------------------------ the days

    def days(self) -> Iterator[Day]:
        """Every date from the first day of the term to `until`, weekends too, in order."""
        by_date: dict[date, list[Occurrence]] = {}
        for occurrence in self.occurrences:
            by_date.setdefault(occurrence.date, []).append(occurrence)
        week: list[SeatEvidence] = []
        yesterday: tuple[SeatEvidence, ...] = ()
        coming: dict[date, list[PushProgress]] = {}
        for on in days_between(self.term.first_day, self.until):
            journal = Journal(RELAY, f"b{on:%Y%m%d}")
            planned = by_date.get(on, [])
            facts, runs = self._taught(on, planned, journal)
            seats = self._judged(planned, facts)
            week += seats
            if planned:  # who vouches for a Friday does so on Monday
                facts += self._vouched(on, yesterday)
                yesterday = seats
            pushes: list[Push] = []
            if on.isoweekday() == _FRIDAY:
                pushes = self._pushed(on, week)
                week = []
            for push in pushes:
                for step in other_modes.progress_of(self.seed, push, self.fates.weak):
                    coming.setdefault(step.at.date(), []).append(step)
            steps = sorted(coming.pop(on, []), key=lambda s: (s.at, s.id))
            facts += steps
            received_at = datetime.combine(on, _EVENING, self._zone)
            noted = tuple(self._noted(planned))
            yield Day(on, received_at, tuple(facts), tuple(runs), tuple(pushes), seats, noted)

    def _noted(self, planned: list[Occurrence]) -> Iterator[TerminalSample]:
        """What terminals noted themselves; they know nothing of a relay that crashed."""
        for lesson in planned:
            if lesson.mode is Mode.LIVE and not lesson.withdrawn:
                host = self.fates.host(lesson)
                for seat in lesson.active_seats:
                    fate = self.fates.seat(lesson, seat)
                    yield from self._journals.of(lesson, seat, host, fate)

    def _taught(
        self, on: date, planned: list[Occurrence], journal: Journal
    ) -> tuple[list[Fact], list[LessonRun]]:
        facts: list[Fact] = []
        runs: list[LessonRun] = []
        lessons = [o for o in planned if o.mode is Mode.LIVE and not o.withdrawn]
        crash = self.fates.crash(on, lessons)
        lost = lost_span(crash, lessons[0]) if crash else None
        for lesson in lessons:
            if lost is not None and not journal.boots and lesson.starts_at >= lost[1]:
                journal.reboot()
                facts.append(gap_fact(journal, lost))
            facts += self._lesson(lesson, journal, lost)
            runs.append(self._run(lesson))
        if lost is not None and not journal.boots:
            journal.reboot()
            facts.append(gap_fact(journal, lost))
        for meeting in planned:
            if meeting.mode is Mode.RESEARCH:
                facts += other_modes.meeting_facts(self.seed, meeting, journal)
                runs.append(
                    LessonRun(
                        meeting.id, LessonState.ENDED, meeting.starts_at,
                        meeting.starts_at - timedelta(minutes=1), meeting.ends_at, EndReason.BUTTON,
                    )
                )  # fmt: skip
        return facts, runs

    def _lesson(self, lesson: Occurrence, journal: Journal, lost: Span | None) -> Iterator[Fact]:
        host = self.fates.host(lesson)
        yield from host_samples(lesson, host, journal, lost)
        for seat in lesson.active_seats:
            fate = self.fates.seat(lesson, seat)
            draw = rng(self.seed, "samples", lesson.id, seat.id)
            yield from seat_samples(lesson, seat, host, fate, journal, lost, draw)
            if not fate.offline and not host.absent:
                yield from acts_of(lesson, seat, self.seed, seat.assistant or "classroom")

    def _run(self, lesson: Occurrence) -> LessonRun:
        host = self.fates.host(lesson)
        opened = lesson.starts_at - timedelta(seconds=DEFAULT_RULES.lead_s)
        if host.absent:
            over = lesson.ends_at + timedelta(
                seconds=DEFAULT_RULES.grace_s + DEFAULT_RULES.max_extended_s
            )
            return LessonRun(lesson.id, LessonState.MISSED, opened, ended_at=over)
        live, over = (lesson.starts_at + timedelta(seconds=s) for s in (host.starts_s, host.ends_s))
        return LessonRun(lesson.id, LessonState.ENDED, opened, live, over, EndReason.BUTTON)

    def _judged(self, planned: list[Occurrence], facts: list[Fact]) -> tuple[SeatEvidence, ...]:
        plan = Plan(self.roster, {o.id: o for o in planned})
        return tuple(credited_seats(plan, Evidence.of(facts)).values())

    def _vouched(self, on: date, seats: tuple[SeatEvidence, ...]) -> Iterator[Adjustment]:
        for seat in seats:
            if seat.cause is not Cause.NETWORK and seat.state is not SeatState.UNKNOWN:
                continue
            draw = rng(self.seed, "vouched", seat.occurrence.id, seat.seat.id)
            if seat.occurrence.date < on and draw.random() < VOUCHED:
                at = datetime.combine(on, time(9), self._zone)
                lesson = seat.occurrence
                yield Adjustment(
                    FactId(f"{seat.seat.id}:adjusted"), lesson.id, seat.seat.id,
                    lesson.starts_at, lesson.ends_at, at + timedelta(minutes=draw.randint(0, 400)),
                    "admin", draw.choice(_REASONS),
                )  # fmt: skip

    def _pushed(self, on: date, week: list[SeatEvidence]) -> list[Push]:
        at = datetime.combine(on, _ORDERED, self._zone)
        orders = other_modes.recordings_pushed(on, at, week, self.roster)
        number = (on - self.term.week1_monday).days // 7
        if number % other_modes.COURSEWARE_WEEKS == 1:
            orders += other_modes.courseware_pushed(on, at, self.roster)
        return orders
