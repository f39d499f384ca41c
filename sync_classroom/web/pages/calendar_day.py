"""One date: what it is, by which layer and why, and the form that changes it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from aiohttp import web

from ...domain.accounts import Role
from ...domain.calendar import DayAnswer, week_number
from ...domain.calendar_edits import LAST_WEEK, MAX_REASON, DayEdit, Edited, day_subject
from ...domain.ids import BellSetId, SchoolId
from ...domain.roster import DayException, School, Term
from ..formats import term_on
from .calendar_cells import SOURCE_WORDS, Cell, cell_of, followed, validity
from .calendar_saving import history, missing, optional_day, save
from .forms import Form, parse_count, parse_day
from .frame import Frame, posted
from .lesson_form import Options
from .route import ADMIN, SCHOOL, PageRoute

ALL: Final = "all"
# Outside of terms no week has a number; an administrator may name one all the same.
WEEKS_WITHOUT_TERM: Final = 30
# A winter holiday; whatever is longer is a matter of the terms.
LONGEST_SPAN: Final = timedelta(days=60)
_FRIDAY: Final = 5
_FIELDS: Final = frozenset(
    {"what", "follows_weekday", "follows_week", "bell_set", "until", "reason"}
)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer that speaks of a date: whose, what it says, whether it is the one that holds."""

    source: str
    cell: Cell
    holds: bool


@dataclass(frozen=True, slots=True)
class Date:
    """The date of an address, and whose: a school's, or (None) every school's."""

    school: School | None
    on: date
    path: str

    @property
    def school_id(self) -> SchoolId | None:
        """The school's id, None for every school."""
        return None if self.school is None else self.school.id

    @property
    def subject(self) -> str:
        """Its name in the history."""
        return day_subject(self.school_id, self.on)


async def day(request: web.Request) -> web.StreamResponse:
    """What a date is and why; for administrators the form that changes it."""
    frame = Frame.of(request)
    where = _date(frame)
    exception = _exception(frame, where)
    answer = _layers(frame, where)[-1]
    form = Form.filled(
        what=_what(answer, exception),
        follows_weekday=str(answer.weekday or ""),
        follows_week=str(answer.week or ""),
        bell_set=str(exception.bell_set or "") if exception else "",
        key=secrets.token_hex(16),
    )
    return await _day_page(frame, where, form)


async def save_day(request: web.Request) -> web.StreamResponse:
    """Change a date, or show the form again with what is wrong."""
    frame = Frame.of(request)
    where, form = _date(frame), await posted(request)
    edits = _edits(frame, where, form, _read_day(frame, where, form))
    return await save(
        frame, form, edits, _FIELDS,
        done=_back(frame, where),
        again=lambda status: _day_page(frame, where, form, status=status),
    )  # fmt: skip


def _edits(
    frame: Frame, where: Date, form: Form, exception: DayException | None
) -> tuple[DayEdit, ...]:
    """The date, or every date up to `until` that the same arrangement changes."""
    until = optional_day(frame, form, "until")
    if until is None or until == where.on:
        return (DayEdit(where.school_id, where.on, exception),)
    if not where.on < until <= where.on + LONGEST_SPAN:
        form.wrong(
            "until",
            frame.t("要晚于 %(day)s，最多 %(n)s 天。", day=where.on, n=LONGEST_SPAN.days),
        )
        return ()
    if form.text("what") not in ("off", "own", "none"):
        form.wrong("until", frame.t("按另一天上课要一天一天改；请把这一栏清空。"))
        return ()
    if exception is not None:
        exception = replace(exception, follows_weekday=None)
    edits = frame.services.calendar.span_of(where.school_id, where.on, until, exception)
    if not edits:
        form.wrong("until", frame.t("这段日子里没有要改的。"))
    return edits


def _date(frame: Frame) -> Date:
    whose, text = (frame.request.match_info[k] for k in ("school", "date"))
    on = parse_day(text)
    school = frame.roster.schools.get(SchoolId(whose))
    if on is None or (school is None and whose != ALL):
        raise missing()
    return Date(school, on, f"/calendar/days/{whose}/{on}")


def _back(frame: Frame, where: Date) -> str:
    """Where a date stands on the calendar."""
    term = term_on(frame.roster, where.on)
    asked = f"school={where.school_id}" if where.school_id else "show=all"
    return f"/calendar?{asked}" + (f"&term={term.id}" if term else "")


def _exception(frame: Frame, where: Date) -> DayException | None:
    days = frame.roster.days
    found = (d for d in days if (d.school, d.date) == (where.school_id, where.on))
    return next(found, None)


def _layers(frame: Frame, where: Date) -> Sequence[DayAnswer]:
    # No school is called nothing: what is left are the layers that hold for all of them.
    return frame.services.calendar.current().layers(where.school_id or SchoolId(""), where.on)


def _what(answer: DayAnswer, exception: DayException | None) -> str:
    if exception is None:
        return "off" if answer.teaching else "other" if answer.term else "own"
    if not exception.teaching:
        return "off"
    if answer.unmapped:
        return "unmapped"
    own = answer.weekday == answer.date.isoweekday() and exception.follows_week is None
    return "own" if own else "other"


def _read_day(frame: Frame, where: Date, form: Form) -> DayException | None:
    what, on = form.text("what"), where.on
    bell_set = BellSetId(form.text("bell_set")) if form.text("bell_set") else None
    weekend = on.isoweekday() > _FRIDAY
    match what:
        case "none":
            return None
        case "off":
            return DayException(where.school_id, on, teaching=False)
        case "own":
            weekday = on.isoweekday() if weekend else None
            return DayException(where.school_id, on, True, weekday, None, bell_set)
        case "unmapped" if weekend:
            return DayException(where.school_id, on, True, None, None, bell_set)
        case "other":
            weekday = parse_count(form.text("follows_weekday"), least=1, most=7)
            if weekday is None:
                form.wrong("follows_weekday", frame.t("请选择按星期几的课表上课。"))
            week = parse_count(form.text("follows_week"), least=1, most=LAST_WEEK)
            if week is None and form.text("follows_week"):
                form.wrong("follows_week", frame.t("请选择按第几周的课表上课。"))
            return DayException(where.school_id, on, True, weekday, week, bell_set)
    form.wrong("what", frame.t("请选择这一天怎么上课。"))
    return None


async def _day_page(frame: Frame, where: Date, form: Form, *, status: int = 200) -> web.Response:
    answers = _layers(frame, where)
    exception = _exception(frame, where)
    bells = [b for b in frame.roster.bell_sets.values() if b.school == where.school_id]
    civil = frame.format.date_range(where.on, where.on)
    weekday = frame.format.weekday(where.on.isoweekday())
    return frame.render(
        "calendar_day.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        where=where,
        back=_back(frame, where),
        title=frame.tongue.pick(f"{civil} {weekday}", f"{weekday} {civil}"),
        weekend=where.on.isoweekday() > _FRIDAY,
        answer=answers[-1],
        layers=[
            Layer(SOURCE_WORDS[a.source], cell_of(frame, a), a is answers[-1]) for a in answers
        ],
        exception=exception,
        weekdays=[(None, [(str(n), frame.format.weekday(n)) for n in range(1, 8)])],
        weeks=_week_options(frame, answers[-1].term),
        bell_sets=[
            (None, [(str(b.id), f"{b.name or b.id}（{validity(frame, b.valid_from, b.valid_to)}）")
                    for b in bells])
        ],
        lessons=await _lessons(frame, where),
        seen=await frame.services.calendar.seen(),
        history=await history(frame, Edited.DAY, where.subject),
        reason_max=MAX_REASON,
        may_edit=frame.may(Role.ADMIN),
    )  # fmt: skip


async def _lessons(frame: Frame, where: Date) -> int:
    """How many lessons of the date, not withdrawn, the school has a part in."""
    views = await frame.services.lessons.list_views(where.on, where.on)
    return sum(
        not v.occurrence.withdrawn
        and (
            where.school is None
            or v.occurrence.host.school == where.school.id
            or any(s.school.id == where.school.id for s in v.due_seats)
        )
        for v in views
    )


def _week_options(frame: Frame, term: Term | None) -> Options:
    last = WEEKS_WITHOUT_TERM if term is None else week_number(term, term.last_day)
    return [(None, [(str(n), followed(frame, None, n)) for n in range(1, last + 1)])]


ROUTES = (
    PageRoute("calendar-day", "GET", "/calendar/days/{school}/{date}", day, SCHOOL),
    PageRoute("calendar-day-save", "POST", "/calendar/days/{school}/{date}", save_day, ADMIN),
)
