"""One day's lessons with what every seat is doing now; the page fetches its live part again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from aiohttp import web

from ...coordinator.views import LessonView, SeatView
from ...domain.accounts import Role
from ...domain.ids import SchoolId
from ...domain.lesson import LessonState
from ...domain.notices import Audience
from ...domain.timetable import Mode
from ...domain.working_copy import moved_to
from ..formats import term_on
from .forms import parse_day
from .frame import HOME, Frame, see_other
from .research import SESSION_WORDS
from .route import ANYBODY, OFFICE, SCHOOL, PageRoute
from .words import LESSON_WORDS, SEAT_NOW, Word, lesson_code, seat_now

# One of each shape is enough to read the page by; the exact word is on every mark.
_LEGEND: Final = ("receiving", "ready", "weak", "offline", "absent", "called_on", "withdrawn")


@dataclass(frozen=True, slots=True)
class SeatCell:
    """One remote classroom of a lesson: a mark with its full sentence."""

    word: Word
    room: str
    present: int | None
    hand: bool


@dataclass(frozen=True, slots=True)
class SchoolCells:
    """The seats of one school in a lesson."""

    school: str
    cells: tuple[SeatCell, ...]


@dataclass(frozen=True, slots=True)
class LessonRow:
    """One lesson of the day."""

    view: LessonView
    word: Word
    groups: tuple[SchoolCells, ...]
    rooms: int
    due: int
    reached: int
    over: bool
    present: int | None
    running_s: int | None
    period: int | None


@dataclass(frozen=True, slots=True)
class TeacherNotice:
    """What a teacher is told: `(lesson, sentence)` each, and how many more there are."""

    id: int
    at: datetime
    items: tuple[tuple[str, str], ...]
    more: int


@dataclass(frozen=True, slots=True)
class DayTotals:
    """The day in one line."""

    lessons: int
    live: int
    seats: int
    reached: int


async def home(request: web.Request) -> web.StreamResponse:
    """Send everybody to where their work is."""
    frame = Frame.of(request)
    return see_other(HOME[frame.user.role] if frame.may(*HOME) else "/sign-in")


async def today(request: web.Request) -> web.StreamResponse:
    """The day of `?date=` (default today), of one school with `?school=`, live part alone with
    `?part=live`."""
    frame = Frame.of(request)
    roster = frame.roster
    day = parse_day(request.query.get("date", "")) or frame.today
    school = SchoolId(request.query.get("school", ""))
    everything = await frame.services.lessons.list_views(day, day)
    views = [v for v in everything if v.occurrence.mode is Mode.LIVE]
    shown = [v for v in views if school not in roster.schools or _concerns(v, school)]
    rows = tuple(lesson_row(v, frame) for v in shown)
    live_only = request.query.get("part") == "live"
    term = term_on(roster, day)
    return frame.render(
        "_today_live.html" if live_only else "today.html",
        day=day,
        term=term,
        is_today=day == frame.today,
        previous=_step(frame, day, -1),
        following=_step(frame, day, 1),
        jump=frame.link(date=None, part=None),
        part=frame.link(part="live"),
        school=school if school in roster.schools else "",
        schools=roster.schools.values(),
        rows=rows,
        hidden=len(views) - len(shown),
        totals=_totals(rows),
        may_plan=frame.may(Role.ADMIN),
        calling=len(await frame.services.help_desk.waiting()) if frame.may(*OFFICE) else 0,
        clear=frame.link(school=None, part=None),
        legend=tuple(SEAT_NOW[code] for code in _LEGEND),
        meetings=tuple(
            v for v in everything if v.occurrence.mode is Mode.RESEARCH and _meets(v, frame, school)
        ),
        meeting_words=SESSION_WORDS,
        lesson_code=lesson_code,
        notices=await _notices(frame),
    )


async def _notices(frame: Frame) -> tuple[TeacherNotice, ...]:
    """What changed in the signed-in teacher's lessons and they have not dismissed."""
    if frame.user.teacher is None:
        return ()
    found = await frame.services.notices.for_teacher(frame.user.teacher)
    return tuple(
        TeacherNotice(
            r.id,
            r.at,
            tuple((i.lesson, frame.tongue.pick(i.zh, i.en)) for i in r.notice.items),
            r.notice.more,
        )
        for r in found
    )


async def dismiss(request: web.Request) -> web.StreamResponse:
    """A teacher has read a notice. One that is not theirs, or gone, changes nothing."""
    frame = Frame.of(request)
    number, teacher = request.match_info["notice"], frame.user.teacher
    if teacher is not None and number.isascii() and number.isdigit() and len(number) < 19:
        await frame.services.notices.noticed(Audience.TEACHER, teacher, int(number), read=True)
    return see_other("/today")


def lesson_row(view: LessonView, frame: Frame) -> LessonRow:
    """One lesson as the day's list shows it."""
    state = lesson_code(view)
    groups: dict[str, list[SeatCell]] = {}
    order = {school: n for n, school in enumerate(view.roster.schools)}
    for seat in sorted(view.seats, key=lambda s: (order[s.school.id], s.classroom.id)):
        groups.setdefault(seat.school.name, []).append(_cell(view, seat, frame.now))
    counted = [s.present for s in view.due_seats if s.present is not None]
    live_at = view.run.live_at if state is LessonState.LIVE else None
    return LessonRow(
        view=view,
        word=LESSON_WORDS[state],
        groups=tuple(SchoolCells(name, tuple(cells)) for name, cells in groups.items()),
        rooms=len(view.seats),
        due=len(view.due_seats),
        reached=_reached(view, state),
        over=state in (LessonState.ENDED, LessonState.MISSED, LessonState.CANCELLED),
        present=sum(counted) if counted else None,
        running_s=int((frame.now - live_at).total_seconds()) if live_at else None,
        period=_period_of(view, frame),
    )


def _cell(view: LessonView, seat: SeatView, now: datetime) -> SeatCell:
    return SeatCell(
        SEAT_NOW[seat_now(view, seat, now)],
        seat.classroom.name,
        seat.present,
        seat.hand_at is not None,
    )


def _reached(view: LessonView, state: LessonState) -> int:
    """Seats that receive during a lesson; before it, seats that are there."""
    if state is LessonState.LIVE:
        return sum(s.receiving for s in view.due_seats)
    return sum(s.online for s in view.due_seats)


def _period_of(view: LessonView, frame: Frame) -> int | None:
    """Which 节次 begins with the lesson, by the bells that its host school has that day."""
    lesson = view.occurrence
    start = lesson.starts_at.astimezone(frame.services.zone).time()
    bells = frame.services.calendar.current().day(lesson.host.school, lesson.date).bell_set
    periods = () if bells is None else bells.periods
    return next((p.no for p in periods if p.start == start), None)


def _concerns(view: LessonView, school: SchoolId) -> bool:
    return view.occurrence.host.school == school or any(s.school.id == school for s in view.seats)


def _meets(view: LessonView, frame: Frame, school: SchoolId) -> bool:
    """Whether a research session of the day concerns the school that is looked at."""
    if moved_to(view.occurrence) is not None:
        return False
    o, teachers = view.occurrence, frame.roster.teachers
    schools = {teachers[t].school for t in (o.host.teacher, *o.participants) if t in teachers}
    return school not in frame.roster.schools or school in schools


def _totals(rows: Sequence[LessonRow]) -> DayTotals:
    states = Counter(lesson_code(r.view) for r in rows)
    live = [r for r in rows if lesson_code(r.view) is LessonState.LIVE]
    return DayTotals(
        len(rows), states[LessonState.LIVE], sum(r.due for r in live), sum(r.reached for r in live)
    )


def _step(frame: Frame, day: date, by: int) -> str:
    return frame.link(date=day + timedelta(days=by), part=None)


ROUTES = (
    PageRoute("home", "GET", "/", home, ANYBODY),
    PageRoute("today", "GET", "/today", today, SCHOOL),
    PageRoute("notice-read", "POST", "/notices/{notice}/read", dismiss, SCHOOL),
)
