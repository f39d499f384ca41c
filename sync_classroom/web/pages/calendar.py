"""The calendar: a term of one school day by day, all schools side by side, bells, terms, edits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from aiohttp import web

from ...domain.accounts import Role
from ...domain.calendar_edits import CalendarEdit, Edited
from ...domain.ids import BellSetId, SchoolId, TermId
from ...domain.roster import BellSet, Roster, School, Term
from ..formats import term_on
from ..i18n import mark
from .calendar_cells import (
    DAY_WORDS,
    KIND_WORDS,
    WeekOfSchools,
    WeekRow,
    described,
    side_by_side,
    validity,
    weeks_of,
)
from .forms import parse_count
from .frame import Frame
from .route import SCHOOL, PageRoute

SECTIONS: Final = (
    ("days", mark("校历")),
    ("all", mark("各校对照")),
    ("bells", mark("作息表")),
    ("terms", mark("学期")),
    ("edits", mark("改动记录")),
)
EDITS_PER_PAGE: Final = 50
_WEEKDAYS: Final = range(1, 8)


@dataclass(frozen=True, slots=True)
class EditLine:
    """One line of the history, in words."""

    edit: CalendarEdit
    kind: str
    about: str
    href: str | None
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class BellLine:
    """One bell set of a school, and whether it holds today."""

    bells: BellSet
    validity: str
    current: bool


async def show(request: web.Request) -> web.StreamResponse:
    """One section (`?show=`) of a term (`?term=`) and school (`?school=`)."""
    frame = Frame.of(request)
    roster = frame.roster
    section = request.query.get("show", "days")
    if section not in dict(SECTIONS):
        section = "days"
    school, term = chosen_school(frame), chosen_term(frame)
    weeks: tuple[WeekRow, ...] = ()
    rows: tuple[WeekOfSchools, ...] = ()
    if term is not None and school is not None and section == "days":
        weeks = weeks_of(frame, term, school.id)
    if term is not None and section == "all":
        rows = side_by_side(frame, term, tuple(roster.schools))
    lines, older = await _edits(frame) if section == "edits" else ((), None)
    return frame.render(
        "calendar.html",
        section=section,
        sections=[(c, text, frame.link(show=c, before=None), c == section) for c, text in SECTIONS],
        schools=roster.schools.values(),
        school=school,
        terms=sorted(roster.terms.values(), key=lambda t: t.first_day),
        term=term,
        weeks=weeks,
        rows=rows,
        weekdays=_WEEKDAYS,
        legend=[(code, word) for code, word in DAY_WORDS.items() if code != "out"],
        bells=_bells(frame, school),
        lines=lines,
        older=older,
        unknown_years=_unknown_years(roster, term),
        may_edit=frame.may(Role.ADMIN),
        today=frame.today,
    )


def chosen_school(frame: Frame) -> School | None:
    """The school of the address, else the person's own, else the first."""
    schools = frame.roster.schools
    asked = SchoolId(frame.request.query.get("school", ""))
    own = frame.user.school
    if asked in schools:
        return schools[asked]
    if own is not None and own in schools:
        return schools[own]
    return next(iter(schools.values()), None)


def chosen_term(frame: Frame) -> Term | None:
    """The term of the address, else today's, else the next, else the last."""
    roster = frame.roster
    asked = roster.terms.get(TermId(frame.request.query.get("term", "")))
    if asked is not None:
        return asked
    ordered = sorted(roster.terms.values(), key=lambda t: t.first_day)
    ahead = [t for t in ordered if t.first_day > frame.today]
    return term_on(roster, frame.today) or next(iter(ahead or ordered[-1:]), None)


def about(frame: Frame, edit: CalendarEdit) -> tuple[str, str | None]:
    """What an edit is about, in words, and the page where that is."""
    roster = frame.roster
    known_school = roster.schools.get(edit.school) if edit.school is not None else None
    school = known_school.name if known_school is not None else None
    if edit.kind is Edited.DAY:
        whose, _, on = edit.subject.partition("/")
        place = school or frame.t("全部学校")
        day = date.fromisoformat(on)
        words = f"{place} {day.year} {frame.format.day(day)}"
        return words, f"/calendar/days/{'all' if whose == '*' else whose}/{on}"
    if edit.kind is Edited.TERM:
        known = roster.terms.get(TermId(edit.subject))
        return known.name if known else edit.subject, f"/calendar/terms/{edit.subject}"
    bells = roster.bell_sets.get(BellSetId(edit.subject))
    name = (bells.name if bells else "") or edit.subject
    return f"{school} {name}", f"/calendar/bells/{edit.subject}"


def edit_line(frame: Frame, edit: CalendarEdit) -> EditLine:
    """One line of the history."""
    words, href = about(frame, edit)
    return EditLine(
        edit,
        KIND_WORDS[edit.kind],
        words,
        href if edit.kind is Edited.DAY or frame.may(Role.ADMIN) else None,
        described(frame, edit.kind, edit.old),
        described(frame, edit.kind, edit.new),
    )


async def _edits(frame: Frame) -> tuple[tuple[EditLine, ...], str | None]:
    """A page of the history, and the address of the one before it."""
    asked = SchoolId(frame.request.query.get("school", ""))
    school = asked if asked in frame.roster.schools else None
    before = parse_count(frame.request.query.get("before", ""), least=1, most=10**9)
    found = await frame.services.calendar.edits(
        school=school, before=before, limit=EDITS_PER_PAGE + 1
    )
    shown = found[:EDITS_PER_PAGE]
    older = frame.link(before=shown[-1].number) if len(found) > EDITS_PER_PAGE else None
    return tuple(edit_line(frame, e) for e in shown), older


def _bells(frame: Frame, school: School | None) -> tuple[BellLine, ...]:
    if school is None:
        return ()
    now = frame.services.calendar.current().bell_set(school.id, frame.today)
    sets = [b for b in frame.roster.bell_sets.values() if b.school == school.id]
    sets.sort(key=lambda b: (b.valid_from or date.min, b.id))
    return tuple(BellLine(b, validity(frame, b.valid_from, b.valid_to), b is now) for b in sets)


def _unknown_years(roster: Roster, term: Term | None) -> tuple[int, ...]:
    """Years of the term of which days off are known, but no make-up day: not announced yet."""
    if term is None:
        return ()
    years = range(term.first_day.year, term.last_day.year + 1)
    known = {(day.on.year, day.teaching) for day in roster.national.values()}
    return tuple(y for y in years if (y, False) in known and (y, True) not in known)


ROUTES = (PageRoute("calendar", "GET", "/calendar", show, SCHOOL),)
