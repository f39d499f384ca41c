"""Terms and bell sets: their forms, each with its reason and its history."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from ...domain.calendar_edits import MAX_NAME, MAX_PERIODS, MAX_REASON, Edited
from ...domain.ids import BellSetId, SchoolId, TermId
from ...domain.roster import BellSet, Period, School, Term
from .calendar_saving import (
    blank,
    history,
    ident,
    missing,
    needed_day,
    optional_day,
    save,
)
from .forms import Form, parse_clock, parse_count
from .frame import Frame, posted
from .route import ADMIN, PageRoute

# Blank lines after the periods there are, for those to be added.
SPARE_PERIODS: Final = 3
FEWEST_PERIODS: Final = 8
_TERM_FIELDS: Final = frozenset({"name", "week1_monday", "first_day", "last_day", "reason"})
_BELL_FIELDS: Final = frozenset({"name", "valid_from", "valid_to", "periods", "reason"})


# ---------------------------------------------------------------------------- a term


async def new_term(request: web.Request) -> web.StreamResponse:
    """An empty form for a term."""
    frame = Frame.of(request)
    return await _term_page(frame, None, blank("term"))


async def term(request: web.Request) -> web.StreamResponse:
    """A term's form."""
    frame = Frame.of(request)
    known = _known_term(frame)
    form = Form.filled(
        id=str(known.id),
        name=known.name,
        week1_monday=known.week1_monday.isoformat(),
        first_day=known.first_day.isoformat(),
        last_day=known.last_day.isoformat(),
        key=secrets.token_hex(16),
    )
    return await _term_page(frame, known, form)


async def save_term(request: web.Request) -> web.StreamResponse:
    """Make or change a term, or show the form again."""
    frame = Frame.of(request)
    form = await posted(request)
    known = _known_term(frame) if "term" in request.match_info else None
    dates = {
        name: needed_day(frame, form, name) for name in ("week1_monday", "first_day", "last_day")
    }
    term_id = TermId(known.id if known else ident(form, "term"))
    filled = {name: day or frame.today for name, day in dates.items()}
    subject = Term(term_id, form.text("name"), **filled)
    return await save(
        frame, form, (subject,), _TERM_FIELDS, done="/calendar?show=terms",
        again=lambda status: _term_page(frame, known, form, status=status),
    )  # fmt: skip


def _known_term(frame: Frame) -> Term:
    found = frame.roster.terms.get(TermId(frame.request.match_info["term"]))
    if found is None:
        raise missing()
    return found


async def _term_page(
    frame: Frame, known: Term | None, form: Form, *, status: int = 200
) -> web.Response:
    subject = known.id if known else ""
    return frame.render(
        "calendar_term.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        known=known,
        seen=await frame.services.calendar.seen(),
        history=await history(frame, Edited.TERM, subject),
        name_max=MAX_NAME,
        reason_max=MAX_REASON,
    )


# ---------------------------------------------------------------------------- a bell set


async def new_bells(request: web.Request) -> web.StreamResponse:
    """A form for a bell set of `?school=`, beginning with the periods it has today."""
    frame = Frame.of(request)
    school = frame.roster.schools.get(SchoolId(request.query.get("school", "")))
    if school is None:
        raise missing()
    today = frame.services.calendar.current().bell_set(school.id, frame.today)
    form = blank("bells", **_period_fields(today.periods if today else ()))
    return await _bells_page(frame, school, None, form)


async def bells(request: web.Request) -> web.StreamResponse:
    """A bell set's form."""
    frame = Frame.of(request)
    known = _known_bells(frame)
    form = Form.filled(
        id=str(known.id),
        name=known.name,
        valid_from=known.valid_from.isoformat() if known.valid_from else "",
        valid_to=known.valid_to.isoformat() if known.valid_to else "",
        key=secrets.token_hex(16),
        **_period_fields(known.periods),
    )
    return await _bells_page(frame, frame.roster.schools[known.school], known, form)


async def save_bells(request: web.Request) -> web.StreamResponse:
    """Make or change a bell set, or show the form again."""
    frame = Frame.of(request)
    form = await posted(request)
    known = _known_bells(frame) if "bells" in request.match_info else None
    whose = known.school if known else SchoolId(request.query.get("school", ""))
    school = frame.roster.schools.get(whose)
    if school is None:
        raise missing()
    subject = BellSet(
        BellSetId(known.id if known else ident(form, "bells")),
        school.id,
        _read_periods(frame, form),
        form.text("name"),
        optional_day(frame, form, "valid_from"),
        optional_day(frame, form, "valid_to"),
    )
    return await save(
        frame, form, (subject,), _BELL_FIELDS, done=f"/calendar?show=bells&school={school.id}",
        again=lambda status: _bells_page(frame, school, known, form, status=status),
    )  # fmt: skip


def _known_bells(frame: Frame) -> BellSet:
    found = frame.roster.bell_sets.get(BellSetId(frame.request.match_info["bells"]))
    if found is None:
        raise missing()
    return found


def _period_fields(periods: Sequence[Period]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for n, period in enumerate(periods):
        fields[f"no-{n}"] = str(period.no)
        fields[f"start-{n}"] = f"{period.start:%H:%M}"
        fields[f"end-{n}"] = f"{period.end:%H:%M}"
    return fields


def _read_periods(frame: Frame, form: Form) -> tuple[Period, ...]:
    """The lines that are not blank; a line that is not whole is said at the periods."""
    found: list[Period] = []
    for n in range(MAX_PERIODS):
        no, start, end = (form.text(f"{name}-{n}") for name in ("no", "start", "end"))
        if not start and not end:
            continue
        number, begins, ends = (
            parse_count(no, least=0, most=99),
            parse_clock(start),
            parse_clock(end),
        )
        if number is None or begins is None or ends is None:
            form.wrong(
                "periods",
                frame.t("第 %(n)s 行不完整：节次是数字，时间写成 08:10 的样子。", n=n + 1),
            )
            continue
        found.append(Period(number, begins, ends))
    return tuple(found)


async def _bells_page(
    frame: Frame, school: School, known: BellSet | None, form: Form, *, status: int = 200
) -> web.Response:
    subject = known.id if known else ""
    filled = sum(bool(form.get(f"start-{n}")) for n in range(MAX_PERIODS))
    return frame.render(
        "calendar_bells.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        school=school,
        known=known,
        lines=range(min(MAX_PERIODS, max(FEWEST_PERIODS, filled + SPARE_PERIODS))),
        seen=await frame.services.calendar.seen(),
        history=await history(frame, Edited.BELL_SET, subject),
        name_max=MAX_NAME,
        reason_max=MAX_REASON,
    )


ROUTES = (
    PageRoute("calendar-term-new", "GET", "/calendar/terms/new", new_term, ADMIN),
    PageRoute("calendar-term-make", "POST", "/calendar/terms/new", save_term, ADMIN),
    PageRoute("calendar-term", "GET", "/calendar/terms/{term}", term, ADMIN),
    PageRoute("calendar-term-save", "POST", "/calendar/terms/{term}", save_term, ADMIN),
    PageRoute("calendar-bells-new", "GET", "/calendar/bells/new", new_bells, ADMIN),
    PageRoute("calendar-bells-make", "POST", "/calendar/bells/new", save_bells, ADMIN),
    PageRoute("calendar-bells", "GET", "/calendar/bells/{bells}", bells, ADMIN),
    PageRoute("calendar-bells-save", "POST", "/calendar/bells/{bells}", save_bells, ADMIN),
)
