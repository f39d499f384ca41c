"""API: the calendar, one answer for every school and date, and what administrators change of it."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ..coordinator.calendar import MAX_EDITS
from ..domain.calendar import DayAnswer, DaySource, Parity
from ..domain.calendar_edits import (
    LAST_WEEK,
    LAST_WEEKDAY,
    MAX_NAME,
    MAX_PERIODS,
    MAX_REASON,
    CalendarEdit,
    DayEdit,
    Edited,
    Subject,
)
from ..domain.ids import BellSetId, SchoolId, TermId
from ..domain.roster import BellSet, DayException, Period, Term
from .fields import Day, Id, Line
from .routes import ApiRoute, Call, In, Out, Query

Kind = Literal["day", "term", "bell_set"]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class CalendarDays(Query):
    """One school's civil days, both included; at most 400."""

    school: Id
    first: Day = Field(alias="from")
    last: Day = Field(alias="to")


class History(Query):
    """Which edits: of a kind, of one subject, of a school (with those of all), before a number."""

    kind: Kind | None = None
    subject: Annotated[str, Field(max_length=120)] | None = None
    school: Id | None = None
    before: Annotated[int, Field(ge=1, lt=2**63)] | None = None


class EditIn(In):
    """Why, and the number of the last edit that was seen (0: none)."""

    reason: Annotated[Line, Field(max_length=MAX_REASON)]
    seen: Annotated[int, Field(ge=0, lt=2**63)] = 0


class ExceptionIn(In):
    """What the date is. Without `follows_weekday`, Monday to Friday follow themselves."""

    teaching: bool
    follows_weekday: Annotated[int, Field(ge=1, le=LAST_WEEKDAY)] | None = None
    follows_week: Annotated[int, Field(ge=1, le=LAST_WEEK)] | None = None
    bell_set: Id | None = None


class DayIn(EditIn):
    """A date at one school, or at all (null). `exception` null: as it is without one."""

    school: Id | None
    date: Day
    exception: ExceptionIn | None


class TermIn(EditIn):
    """A term, new or changed; weeks are counted from `week1_monday`."""

    id: Id
    name: Annotated[Line, Field(max_length=MAX_NAME)]
    week1_monday: Day
    first_day: Day
    last_day: Day


class PeriodIn(In):
    """A numbered period and its civil clock times, `HH:MM`."""

    no: Annotated[int, Field(ge=0, le=99)]
    start: Clock
    end: Clock


class BellSetIn(EditIn):
    """A bell set, new or changed. It holds from `valid_from` to `valid_to`, both included."""

    id: Id
    school: Id
    name: Annotated[Line, Field(max_length=MAX_NAME)]
    valid_from: Day | None = None
    valid_to: Day | None = None
    periods: Annotated[list[PeriodIn], Field(min_length=1, max_length=MAX_PERIODS)]


class WordsOut(Out):
    """The same words in both languages."""

    zh: str
    en: str


class DayOut(Out):
    """One date. `follows_weekday` null on a teaching day: unmapped, nobody said which."""

    date: date
    teaching: bool
    follows_weekday: int | None
    week: int | None
    parity: Parity | None
    bell_set: str | None
    term: str | None
    source: DaySource
    reason: WordsOut


class CalendarOut(Out):
    """Exactly one answer for every date, in order."""

    school: str
    days: list[DayOut]


class CalendarEditOut(Out):
    """An edit. `old` and `new` are records as in `plan.json`; null is nothing."""

    number: int
    at: datetime
    by: str
    reason: str
    kind: Edited
    subject: str
    school: str | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class CalendarEditsOut(Out):
    """Edits, newest first."""

    edits: list[CalendarEditOut] = Field(max_length=MAX_EDITS)


def day_out(answer: DayAnswer) -> DayOut:
    """One date's answer."""
    return DayOut(
        date=answer.date,
        teaching=answer.teaching,
        follows_weekday=answer.weekday,
        week=answer.week,
        parity=answer.parity,
        bell_set=answer.bell_set.id if answer.bell_set is not None else None,
        term=answer.term.id if answer.term is not None else None,
        source=answer.source,
        reason=WordsOut(zh=answer.reason.zh, en=answer.reason.en),
    )


def edit_out(edit: CalendarEdit) -> CalendarEditOut:
    """One line of the history."""
    fields = CalendarEditOut.model_fields
    return CalendarEditOut.model_validate({name: getattr(edit, name) for name in fields})


async def read_calendar(call: Call[None, CalendarDays]) -> CalendarOut:
    """A school's days."""
    asked = call.query
    answers = call.services.calendar.days(SchoolId(asked.school), asked.first, asked.last)
    return CalendarOut(school=asked.school, days=[day_out(a) for a in answers])


async def read_edits(call: Call[None, History]) -> CalendarEditsOut:
    """Who changed what, when and why."""
    asked = call.query
    edits = await call.services.calendar.edits(
        kind=Edited(asked.kind) if asked.kind else None,
        subject=asked.subject,
        school=SchoolId(asked.school) if asked.school else None,
        before=asked.before,
    )
    return CalendarEditsOut(edits=[edit_out(e) for e in edits])


async def edit_day(call: Call[DayIn, None]) -> CalendarEditOut:
    """Say what a date is, or take that back."""
    body = call.body
    school = SchoolId(body.school) if body.school else None
    exception = None
    if (said := body.exception) is not None:
        exception = DayException(
            school,
            body.date,
            said.teaching,
            said.follows_weekday,
            said.follows_week,
            BellSetId(said.bell_set) if said.bell_set else None,
        )
    return await _edit(call, DayEdit(school, body.date, exception))


async def edit_term(call: Call[TermIn, None]) -> CalendarEditOut:
    """Make or change a term."""
    body = call.body
    return await _edit(
        call, Term(TermId(body.id), body.name, body.week1_monday, body.first_day, body.last_day)
    )


async def edit_bell_set(call: Call[BellSetIn, None]) -> CalendarEditOut:
    """Make or change a bell set."""
    body = call.body
    periods = tuple(
        Period(p.no, time.fromisoformat(p.start), time.fromisoformat(p.end)) for p in body.periods
    )
    return await _edit(
        call,
        BellSet(
            BellSetId(body.id),
            SchoolId(body.school),
            periods,
            body.name,
            body.valid_from,
            body.valid_to,
        ),
    )


async def _edit(call: Call[Any, None], subject: Subject) -> CalendarEditOut:
    said: EditIn = call.body
    (edit,) = await call.services.calendar.edit(
        subject, reason=said.reason, seen=said.seen, actor=call.user.login, key=call.key
    )
    return edit_out(edit)


ROUTES: Final = (
    ApiRoute(
        "api.calendar", "GET", "/api/calendar", read_calendar, "A school's days, and why",
        query=CalendarDays, answer=CalendarOut,
    ),
    ApiRoute(
        "api.calendar.edits", "GET", "/api/calendar/edits", read_edits,
        "Who changed the calendar", query=History, answer=CalendarEditsOut,
    ),
    ApiRoute(
        "api.calendar.day", "POST", "/api/calendar/days", edit_day, "Change a date",
        body=DayIn, answer=CalendarEditOut, status=201, problems=(409,), idempotent=True,
    ),
    ApiRoute(
        "api.calendar.term", "POST", "/api/calendar/terms", edit_term, "Make or change a term",
        body=TermIn, answer=CalendarEditOut, status=201, problems=(409,), idempotent=True,
    ),
    ApiRoute(
        "api.calendar.bells", "POST", "/api/calendar/bell-sets", edit_bell_set,
        "Make or change a bell set", body=BellSetIn, answer=CalendarEditOut, status=201,
        problems=(409,), idempotent=True,
    ),
)  # fmt: skip
