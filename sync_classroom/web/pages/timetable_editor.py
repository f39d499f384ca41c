"""The editor beside the grid: one lesson or one rule, and what is asked before something new."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from ...domain.bookable import MAX_GRADE, MAX_PERIODS, MAX_REASON, MAX_TEXT
from ...domain.edit_files import series_to_dict
from ...domain.grid_views import View, ViewKind, school_of
from ...domain.ids import OccurrenceId, SchoolId, SeriesId
from ...domain.problems import ProblemError, ProblemKind
from ...domain.roster import Classroom, Roster, SchoolRole
from ...domain.series import Series, SeriesSeat, WeekKind
from ...domain.timetable import Occurrence, Seat
from ..i18n import mark
from .forms import parse_count, parse_day
from .frame import Frame
from .route import ADMIN, PageRoute
from .timetable_choice import Choice, choice_of
from .timetable_desk import Desk, desk_of
from .timetable_history import history_of
from .timetable_places import judged, judged_rule, suggested
from .timetable_words import Names, make_up_text, weekday_name, weeks_text

MOST_SPAN: Final = 4
WEEK_KINDS: Final = (
    (WeekKind.ALL, mark("每周")),
    (WeekKind.ODD, mark("单周")),
    (WeekKind.EVEN, mark("双周")),
    (WeekKind.LISTED, mark("指定周")),
)

Option = tuple[str, str]
Options = list[tuple[str, list[Option]]]
"""Groups of (value, text)."""


@dataclass(frozen=True, slots=True)
class SeatLine:
    """A seat in the editor; `id` is empty for a rule's, `about` says class, pupils, assistant."""

    id: str
    classroom: str
    name: str
    school: str
    group: str | None
    expected: int | None
    assistant: str | None
    about: str
    gone: bool


async def editor(request: web.Request) -> web.StreamResponse:
    """`?lesson=` or `?series=`, or something new: `?new=lesson|series` at `?date=`, `?period=`."""
    frame = Frame.of(request)
    desk = await _desk(frame)
    query = request.query
    if "new" in query:
        return frame.render("_timetable_new.html", **_blank(frame, desk))
    if "series" in query:
        series = desk.draft.copy.series.get(SeriesId(query["series"]))
        if series is None:
            raise _gone(query["series"])
        values = _of_series(frame, desk, series)
    else:
        values = _of_lesson(frame, desk, _lesson(desk, query.get("lesson", "")))
    rule: Series | None = values["series"]
    history = None if rule is None else await history_of(frame, desk, rule)
    return frame.render("_timetable_editor.html", **values, history=history)


async def places(request: web.Request) -> web.StreamResponse:
    """JSON for script: every period of the week judged for `?lesson=` or `?series=`, which is
    judged over its whole term."""
    frame = Frame.of(request)
    desk = await _desk(frame)
    if "series" in request.query:
        series = desk.draft.copy.series.get(SeriesId(request.query["series"]))
        if series is None:
            raise _gone(request.query["series"])
        found = await asyncio.to_thread(judged_rule, frame, desk, series)
    else:
        lesson = _lesson(desk, request.query.get("lesson", ""))
        found = await asyncio.to_thread(judged, frame, desk, lesson)
        slot = lesson.slot
        series = desk.draft.copy.series.get(slot.series) if slot is not None else None
    answer = {"places": found, "series": series_to_dict(series) if series is not None else None}
    return web.json_response(answer, headers={"Cache-Control": "no-store"})


async def free(request: web.Request) -> web.StreamResponse:
    """Free places nearby for `?lesson=`."""
    frame = Frame.of(request)
    desk = await _desk(frame)
    lesson = _lesson(desk, request.query.get("lesson", ""))
    found = await asyncio.to_thread(suggested, frame, desk, lesson)
    return frame.render("_timetable_free.html", lesson=lesson, places=found)


async def _desk(frame: Frame) -> Desk:
    return await desk_of(frame, chosen(frame), draft=True)


def chosen(frame: Frame) -> Choice:
    """What the address says; ProblemError if there is no term to speak of."""
    choice = choice_of(frame)
    if choice is None:
        raise ProblemError(
            "no_term",
            "还没有学期。请先在名册文件里写上学期。",
            "There is no term yet; write one in the roster file first.",
            kind=ProblemKind.NOT_FOUND,
        )
    return choice


def _lesson(desk: Desk, ident: str) -> Occurrence:
    lesson = desk.draft.copy.occurrences.get(OccurrenceId(ident))
    if lesson is None:
        raise _gone(ident)
    return lesson


def _gone(ident: str) -> ProblemError:
    return ProblemError(
        "not_in_draft",
        "草稿里已没有这节课，可能别人刚删去了它。请看一下最新的课表。",
        "The draft no longer has this; somebody may just have removed it. Look at the timetable"
        " as it is now.",
        kind=ProblemKind.NOT_FOUND,
        field="lesson",
        value=ident,
    )


def _of_lesson(frame: Frame, desk: Desk, lesson: Occurrence) -> dict[str, Any]:
    names, roster = desk.names, frame.roster
    series = desk.draft.copy.series.get(lesson.slot.series) if lesson.slot is not None else None
    day = desk.plan.calendar.day(lesson.host.school, lesson.date)
    periods = [
        (p.no, f"{p.start:%H:%M}–{p.end:%H:%M}")
        for p in (day.bell_set.periods if day.bell_set is not None else ())
    ]
    start = lesson.starts_at.astimezone(desk.plan.zone).time()
    held = day.bell_set.periods if day.bell_set is not None else ()
    return {
        **_common(frame, desk, lesson.host.school),
        "lesson": lesson,
        "series": series,
        "thing": lesson,
        "begun": lesson.starts_at <= frame.now,
        "published": lesson.id in desk.draft.base.occurrences,
        "away": next((c.to for c in lesson.changes if c.to is not None), None),
        "periods": periods,
        "period": next((p.no for p in held if p.start == start), None),
        "faults": desk.faults.get(lesson.id, ()),
        "note": make_up_text(frame, day.weekday, day.week)
        if day.teaching and day.weekday != lesson.date.isoweekday()
        else "",
        "seats": [
            _seat(frame, names, s, s.id, gone=lesson.seat_withdrawn(s.id) and not lesson.withdrawn)
            for s in lesson.seats
        ],
        "rooms": _remote_rooms(roster, {s.classroom for s in lesson.seats}),
        "data": {
            "lesson": lesson.id,
            "date": lesson.date.isoformat(),
            "series": series_to_dict(series) if series is not None else None,
            "since": desk.choice.monday.isoformat(),
            **_choices_of_seats(frame.roster),
        },
    }


def _of_series(frame: Frame, desk: Desk, series: Series) -> dict[str, Any]:
    names = desk.names
    return {
        **_common(frame, desk, series.host.school),
        "lesson": None,
        "series": series,
        "thing": series,
        "begun": False,
        "published": series.id in desk.draft.base.series,
        "away": None,
        "periods": [],
        "period": None,
        "faults": (),
        "note": "",
        "seats": [_seat(frame, names, s, "", gone=False) for s in series.seats],
        "rooms": _remote_rooms(frame.roster, {s.classroom for s in series.seats}),
        "data": {
            "lesson": None,
            "date": None,
            "series": series_to_dict(series),
            "since": desk.choice.monday.isoformat(),
            **_choices_of_seats(frame.roster),
        },
    }


def _blank(frame: Frame, desk: Desk) -> dict[str, Any]:
    """Something new, begun with what the cell says: its day, its period, whose timetable."""
    query, roster, choice = frame.request.query, frame.roster, desk.choice
    host = _host_of(roster, choice.view)
    day = parse_day(query.get("date", "")) or choice.monday
    weekday = parse_count(query.get("weekday", ""), least=1, most=7) or day.isoweekday()
    room = choice.view.id if choice.view and choice.view.kind is ViewKind.CLASSROOM else ""
    group = choice.view.id if choice.view and choice.view.kind is ViewKind.CLASS else ""
    person = choice.view.id if choice.view and choice.view.kind is ViewKind.TEACHER else ""
    return {
        **_common(frame, desk, host),
        "kind": "series" if query.get("new") == "series" else "lesson",
        "host": host,
        "day": day,
        "weekday": weekday,
        "period": parse_count(query.get("period", ""), least=1, most=99),
        "placed": "period" in query,
        "room": room,
        "group": group,
        "person": person,
        "rooms": _remote_rooms(roster, set()),
        "hosts": [(s.id, s.name) for s in roster.schools.values() if s.role is SchoolRole.HOST],
        "data": {
            "series": secrets.token_hex(6),
            "term": choice.term.id,
            "schools": _schools(roster),
            **_choices_of_seats(roster),
        },
    }


def _common(frame: Frame, desk: Desk, host: SchoolId) -> dict[str, Any]:
    roster = frame.roster
    return {
        "desk": desk,
        "choice": desk.choice,
        "subjects": sorted({o.subject for o in desk.lessons.values()}),
        "teachers": _teachers(frame, host),
        "studios": [(c.id, c.name) for c in _in_use(roster, host, desk)],
        "groups": [(c.id, c.name) for c in roster.classes.values() if c.school == host],
        "grades": range(1, MAX_GRADE + 1),
        "weekdays": [(n, weekday_name(frame, n)) for n in range(1, 8)],
        "week_kinds": [(k.value, frame.t(text)) for k, text in WEEK_KINDS],
        "weeks_text": lambda rule: weeks_text(frame, rule),
        "numbers": _numbers(desk, host),
        "title_max": MAX_TEXT,
        "reason_max": MAX_REASON,
        "most_periods": MAX_PERIODS,
        "most_span": MOST_SPAN,
    }


def _in_use(roster: Roster, school: SchoolId, desk: Desk) -> list[Classroom]:
    last = desk.choice.term.last_day
    return [
        c
        for c in roster.classrooms.values()
        if c.school == school
        and c.commissioned_on <= last
        and (c.retired_on is None or c.retired_on > desk.choice.monday)
    ]


def _numbers(desk: Desk, host: SchoolId) -> list[int]:
    """The period numbers of a host school on any day of the week."""
    numbers: set[int] = set()
    for n in range(7):
        bells = desk.plan.calendar.day(host, desk.choice.monday + timedelta(days=n)).bell_set
        numbers |= {p.no for p in bells.periods} if bells is not None else set()
    return sorted(numbers)


def _teachers(frame: Frame, host: SchoolId) -> Options:
    """Whoever may give the lesson, its own school's teachers first."""
    roster = frame.roster
    order = sorted(
        roster.schools.values(), key=lambda s: (s.id != host, s.role is not SchoolRole.HOST)
    )
    return [
        (school.name, [(t.id, t.name) for t in roster.teachers.values() if t.school == school.id])
        for school in order
        if school.role is SchoolRole.HOST
    ]


def _remote_rooms(roster: Roster, taken: set[Any]) -> list[tuple[str, str, list[Option]]]:
    """(school, its name, its rooms that are not taken)."""
    return [
        (
            school.id,
            school.name,
            [
                (c.id, c.name)
                for c in roster.classrooms.values()
                if c.school == school.id and c.id not in taken
            ],
        )
        for school in roster.schools.values()
        if school.role is SchoolRole.REMOTE
    ]


def _choices_of_seats(roster: Roster) -> dict[str, dict[str, list[tuple[Any, ...]]]]:
    """Each remote school's classes with their size, and its teachers, who assist; for script."""
    remote = [s.id for s in roster.schools.values() if s.role is SchoolRole.REMOTE]
    return {
        "classes": {
            i: [(c.id, c.name, c.enrolment) for c in roster.classes.values() if c.school == i]
            for i in remote
        },
        "assistants": {
            i: [(t.id, t.name) for t in roster.teachers.values() if t.school == i] for i in remote
        },
    }


def _seat(
    frame: Frame, names: Names, seat: Seat | SeriesSeat, ident: str, *, gone: bool
) -> SeatLine:
    room = frame.roster.classrooms.get(seat.classroom)
    about = [names.group_alone(seat.school_class)]
    if seat.expected is not None:
        about.append(frame.t(mark("应到 %(n)s"), n=seat.expected))
    if seat.assistant is not None:
        about.append(frame.t(mark("助教 %(name)s"), name=names.teacher(seat.assistant)))
    return SeatLine(
        ident,
        seat.classroom,
        names.room(seat.classroom),
        room.school if room is not None else "",
        seat.school_class,
        seat.expected,
        seat.assistant,
        " · ".join(filter(None, about)),
        gone,
    )


def _host_of(roster: Roster, view: View | None) -> SchoolId:
    hosts = [s.id for s in roster.schools.values() if s.role is SchoolRole.HOST]
    if view is not None and (own := school_of(view, roster)) in hosts:
        return own
    return (hosts or list(roster.schools))[0]


def _schools(roster: Roster) -> dict[str, dict[str, Sequence[Option]]]:
    """What each host school has to choose from, for script: teachers, rooms, classes."""
    return {
        s.id: {
            "teacher": [(t.id, t.name) for t in roster.teachers.values() if t.school == s.id],
            "classroom": [(c.id, c.name) for c in roster.classrooms.values() if c.school == s.id],
            "class": [(c.id, c.name) for c in roster.classes.values() if c.school == s.id],
        }
        for s in roster.schools.values()
        if s.role is SchoolRole.HOST
    }


ROUTES = (
    PageRoute("timetable.editor", "GET", "/timetable/editor", editor, ADMIN, "/timetable"),
    PageRoute("timetable.places", "GET", "/timetable/places", places, ADMIN, "/timetable"),
    PageRoute("timetable.free", "GET", "/timetable/free", free, ADMIN, "/timetable"),
)
