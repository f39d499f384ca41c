"""Planning one lesson: who teaches what, from which studio, when, and which rooms listen."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Final

from aiohttp import web

from ...coordinator.lessons import NewLesson, SeatRequest
from ...domain.conflicts import Clash, ClashError
from ...domain.ids import ClassId, ClassroomId, OccurrenceId, SchoolId, TeacherId
from ...domain.problems import ProblemError
from ...domain.roster import Classroom, Roster, School, SchoolClass, SchoolRole
from .forms import Form, parse_clock, parse_count, parse_day
from .frame import Frame, once, posted, see_other
from .route import ADMIN, PageRoute

TITLE_MAX: Final = 120
SUBJECT_MAX: Final = 40
# 课时 of one lesson: a double lesson is usual, four is a whole morning.
MOST_PERIODS: Final = 4
MOST_EXPECTED: Final = 500
# Lessons are planned some weeks ahead; on a date further away the times are typed.
BELLS_AROUND: Final = timedelta(days=180)
# Subjects are data of a Chinese time-table, so they are the same in every language.
SUBJECTS: Final = (
    "语文", "数学", "英语", "科学", "道德与法治", "音乐", "美术", "体育", "信息科技", "劳动",
)  # fmt: skip
# Fields the service may complain about; anything else goes to the page's message place.
_FIELDS: Final = frozenset(
    {"title", "subject", "teacher", "classroom", "date", "starts", "ends", "periods", "grade",
     "school_class", "seats"}
)  # fmt: skip
_SERVICE_FIELDS: Final = {"starts_at": "starts", "ends_at": "ends"}

Options = list[tuple[str | None, list[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class SeatChoice:
    """One remote classroom that can be ticked, with its class picker and any clash."""

    classroom: Classroom
    ticked: bool
    school_class: str
    expected: str
    clash: str | None


@dataclass(frozen=True, slots=True)
class SchoolChoice:
    """The remote classrooms of one school and the classes that may sit in them."""

    school: School
    classes: Sequence[SchoolClass]
    seats: Sequence[SeatChoice]


async def blank(request: web.Request) -> web.StreamResponse:
    """An empty form; `?date=` and `?seat=` (repeatable) fill some of it."""
    frame = Frame.of(request)
    day = parse_day(request.query.get("date", "")) or frame.today
    form = Form.filled(
        date=day.isoformat(),
        periods="1",
        seats=request.query.getall("seat", []),
        key=secrets.token_hex(16),
    )
    return _page(frame, form, {})


async def create(request: web.Request) -> web.StreamResponse:
    """Plan the lesson, or show the form again with everything that was typed."""
    frame = Frame.of(request)
    form = await posted(request)
    new = _read(frame, form)
    if new is None:
        return _page(frame, form, {}, status=422)
    try:
        made = await frame.services.lessons.create(
            new,
            actor=frame.user.login,
            key=once(frame, form),
        )
    except ClashError as clash:
        return _page(frame, form, await _clashes(frame, form, clash), status=409)
    except ProblemError as problem:
        name = _SERVICE_FIELDS.get(problem.field or "", problem.field or "")
        form.wrong(name if name in _FIELDS else "form", frame.say(problem))
        return _page(frame, form, {}, status=422)
    return see_other(f"/lessons/{made.id}", done="lesson")


# ---------------------------------------------------------------------------- reading the form


def _read(frame: Frame, form: Form) -> NewLesson | None:
    roster = frame.roster
    subject = form.text("subject")
    if not subject:
        form.wrong("subject", frame.t("请填写学科。"))
    elif len(subject) > SUBJECT_MAX:
        form.wrong("subject", frame.t("学科最多 %(n)s 个字。", n=SUBJECT_MAX))
    if len(form.text("title")) > TITLE_MAX:
        form.wrong("title", frame.t("课题最多 %(n)s 个字。", n=TITLE_MAX))
    if TeacherId(form.text("teacher")) not in roster.teachers:
        form.wrong("teacher", frame.t("请选择主讲教师。"))
    if ClassroomId(form.text("classroom")) not in roster.classrooms:
        form.wrong("classroom", frame.t("请选择主讲教室。"))
    day = parse_day(form.text("date"))
    if day is None:
        form.wrong(
            "date",
            frame.t("「%(value)s」不是日期；请写成 2026-11-23 的样子。", value=form.text("date")),
        )
    periods = parse_count(form.text("periods"), least=1, most=MOST_PERIODS)
    if periods is None:
        form.wrong("periods", frame.t("课时是 1 到 %(n)s 的整数。", n=MOST_PERIODS))
    starts, ends = _times(frame, form, periods or 1)
    seats = _seats(frame, form)
    if not form.ok or day is None or starts is None or ends is None or periods is None:
        return None
    grade = parse_count(form.text("grade"), least=1, most=9)
    return NewLesson(
        title=form.text("title") or subject,
        subject=subject,
        teacher=TeacherId(form.text("teacher")),
        classroom=ClassroomId(form.text("classroom")),
        starts_at=datetime.combine(day, starts, frame.services.zone),
        ends_at=datetime.combine(day, ends, frame.services.zone),
        periods=periods,
        grade=grade,
        school_class=ClassId(form.text("school_class")) if form.text("school_class") else None,
        seats=seats,
    )


def _times(frame: Frame, form: Form, periods: int) -> tuple[time | None, time | None]:
    """The clock times as typed; without them, those of the chosen period of the host school."""
    if form.text("period") and not form.text("starts") and not form.text("ends"):
        filled = _bell_times(frame, form, periods)
        if filled is not None:
            return filled
    starts, ends = parse_clock(form.text("starts")), parse_clock(form.text("ends"))
    for name, value in (("starts", starts), ("ends", ends)):
        if value is None and not form.text(name):
            form.wrong(name, frame.t("请填写时刻，或选一个节次。"))
        elif value is None:
            form.wrong(
                name,
                frame.t(
                    "「%(value)s」不是时刻；请写成 09:40 的样子，或选一个节次。",
                    value=form.text(name),
                ),
            )
    if starts is not None and ends is not None and ends <= starts:
        form.wrong("ends", frame.t("下课要晚于 %(time)s 上课。", time=form.text("starts")))
    return starts, ends


def _bell_times(frame: Frame, form: Form, periods: int) -> tuple[time, time] | None:
    classroom = frame.roster.classrooms.get(ClassroomId(form.text("classroom")))
    day = parse_day(form.text("date"))
    if classroom is None or day is None:
        return None
    bells = frame.services.calendar.current().day(classroom.school, day).bell_set
    number = parse_count(form.text("period"), least=1, most=99)
    if bells is None or number is None:
        return None
    wanted = [p for p in bells.periods if number <= p.no < number + periods]
    return (wanted[0].start, wanted[-1].end) if len(wanted) == periods else None


def _seats(frame: Frame, form: Form) -> tuple[SeatRequest, ...]:
    seats: list[SeatRequest] = []
    for text in form.all("seats"):
        classroom = ClassroomId(text)
        if classroom not in frame.roster.classrooms:
            form.wrong("seats", frame.t("教室「%(value)s」不在名册里。", value=text))
            continue
        school_class = form.text(f"class-{text}")
        head = form.text(f"expected-{text}")
        expected = parse_count(head, least=0, most=MOST_EXPECTED) if head else None
        if head and expected is None:
            form.wrong(
                f"expected-{text}", frame.t("应到人数是 0 到 %(n)s 的整数。", n=MOST_EXPECTED)
            )
        seats.append((classroom, ClassId(school_class) if school_class else None, expected))
    if not seats:
        form.wrong("seats", frame.t("请至少选一间听课教室。"))
    return tuple(seats)


# ---------------------------------------------------------------------------- clashes in place


async def _clashes(frame: Frame, form: Form, error: ClashError) -> Mapping[str, str]:
    """One sentence per resource that is taken, saying by whom; shown where it was chosen.

    What the form has no field for goes to the page's message place.
    """
    found: dict[str, str] = {}
    for clash in error.clashes:
        found.setdefault(clash.resource, await _holder(frame, clash))
    if (sentence := found.get(form.text("classroom"))) is not None:
        form.wrong("classroom", sentence)
    if (sentence := found.get(form.text("teacher"))) is not None:
        form.wrong("teacher", sentence)
    if (sentence := found.get(form.text("school_class"))) is not None:
        form.wrong("school_class", sentence)
    taken = [
        text for text in form.all("seats") if text in found or form.text(f"class-{text}") in found
    ]
    if taken:
        form.wrong(
            "seats",
            frame.t(
                "%(n)s 间听课教室这个时间不能用，见下面的标记；去掉它们，或换个时间。", n=len(taken)
            ),
        )
    for text in taken:
        sentence = found.get(text) or found[form.text(f"class-{text}")]
        form.wrong(f"seat-{text}", sentence)
    if form.ok:
        form.wrong("form", frame.say(error))
    return found


async def _holder(frame: Frame, clash: Clash) -> str:
    """Who holds what was wanted: 「09:40–10:20 已有：英语 · 王老师（城厢镇第四小学）」."""
    for occurrence in clash.occurrences:
        view = await frame.services.lessons.view(OccurrenceId(occurrence))
        if view is not None:
            o = view.occurrence
            return frame.t(
                "%(span)s 已有课：%(subject)s，%(teacher)s（%(school)s）。请换时间或换别的。",
                span=frame.format.span(o.starts_at, o.ends_at),
                subject=o.subject,
                teacher=view.teacher.name,
                school=view.host_school.name,
            )
    return frame.t(
        "%(span)s 在这节课里用了两次。", span=frame.format.span(clash.from_at, clash.to_at)
    )


# ---------------------------------------------------------------------------- showing the form


def _page(frame: Frame, form: Form, found: Mapping[str, str], *, status: int = 200) -> web.Response:
    roster = frame.roster
    day = parse_day(form.text("date")) or frame.today
    hosts = [s for s in roster.schools.values() if s.role is SchoolRole.HOST]
    return frame.render(
        "lesson_form.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        day=day,
        teachers=_grouped(hosts, [(t.school, str(t.id), t.name) for t in roster.teachers.values()]),
        classrooms=_grouped(
            hosts,
            # Studios of two schools have the same name, and a closed list shows no group.
            [
                (c.school, str(c.id), f"{c.name} · {roster.schools[c.school].name}")
                for c in roster.classrooms.values()
                if in_use(c, day)
            ],
        ),
        host_classes=_grouped(
            hosts, [(c.school, str(c.id), c.name) for c in roster.classes.values()]
        ),
        subjects=SUBJECTS,
        schools=_choices(roster, form, day),
        bells=_bells_json(frame, day),
        grades=[(None, [(str(n), frame.t("%(n)s 年级", n=n)) for n in range(1, 10)])],
        period_numbers=_period_numbers(frame),
        most_periods=MOST_PERIODS,
        title_max=TITLE_MAX,
        subject_max=SUBJECT_MAX,
        most_expected=MOST_EXPECTED,
        complete=bool(hosts) and bool(roster.teachers),
        found=found,
    )


def in_use(classroom: Classroom, day: date) -> bool:
    """Whether a classroom is commissioned and not retired on `day`."""
    return classroom.commissioned_on <= day and (
        classroom.retired_on is None or day < classroom.retired_on
    )


def _grouped(schools: Sequence[School], rows: Sequence[tuple[str, str, str]]) -> Options:
    groups: Options = []
    for school in schools:
        items = [(value, text) for owner, value, text in rows if owner == school.id]
        if items:
            groups.append((school.name, items))
    return groups


def _choices(roster: Roster, form: Form, day: date) -> list[SchoolChoice]:
    choices: list[SchoolChoice] = []
    for school in roster.schools.values():
        rooms = [c for c in roster.classrooms.values() if c.school == school.id and in_use(c, day)]
        if school.role is not SchoolRole.REMOTE or not rooms:
            continue
        seats = [
            SeatChoice(
                classroom=room,
                ticked=form.has("seats", str(room.id)),
                school_class=form.get(f"class-{room.id}"),
                expected=form.get(f"expected-{room.id}"),
                clash=form.errors.get(f"seat-{room.id}") or form.errors.get(f"expected-{room.id}"),
            )
            for room in rooms
        ]
        classes = [c for c in roster.classes.values() if c.school == school.id]
        choices.append(SchoolChoice(school, classes, seats))
    return choices


def _period_numbers(frame: Frame) -> Options:
    numbers = sorted({p.no for b in frame.roster.bell_sets.values() for p in b.periods})
    return [(None, [(str(n), frame.t("第 %(n)s 节", n=n)) for n in numbers])]


def _bells_json(frame: Frame, day: date) -> dict[str, list[dict[str, object]]]:
    """Clock times by host classroom and dates, for the script that fills them in."""
    roster = frame.roster
    by_school = {
        s.id: _bell_runs(frame, s.id, day)
        for s in roster.schools.values()
        if s.role is SchoolRole.HOST
    }
    return {
        str(c.id): by_school[c.school] for c in roster.classrooms.values() if c.school in by_school
    }


def _bell_runs(frame: Frame, school: SchoolId, day: date) -> list[dict[str, object]]:
    """Which bells a school has from which date to which, around a day: they change in mid-term."""
    first = day - BELLS_AROUND
    last = day + BELLS_AROUND
    answers = frame.services.calendar.days(school, first, last)
    runs = [(bells, list(days)) for bells, days in groupby(answers, key=lambda a: a.bell_set)]
    return [
        {
            "from": days[0].date.isoformat(),
            "to": days[-1].date.isoformat(),
            "periods": [
                {"no": p.no, "start": p.start.strftime("%H:%M"), "end": p.end.strftime("%H:%M")}
                for p in bells.periods
            ],
        }
        for bells, days in runs
        if bells is not None
    ]


ROUTES = (
    PageRoute("lesson-new", "GET", "/lessons/new", blank, ADMIN),
    PageRoute("lesson-create", "POST", "/lessons/new", create, ADMIN),
)
