"""How far the lessons reach in a period: figures a bureau can believe and drill into."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ...domain.accounts import Role
from ...domain.ids import ClassroomId, SchoolId
from ...domain.rules import Rules
from ..i18n import mark
from . import coverage_tables as tables
from .frame import Frame
from .period import PRESETS, asked, preset
from .route import BUREAU, PageRoute
from .words import SEAT_WORDS

# Seats shown at once; a term has thousands, and nobody reads more on one page.
SEATS_PER_PAGE: Final = 50
_STATES: Final = (*SEAT_WORDS, tables.NOT_YET.shape)
_MODES: Final = (
    ("live", mark("同步帮扶直播")),
    ("research", mark("在线帮扶教研")),
    ("push", mark("精准帮扶推送")),
)


async def show(request: web.Request) -> web.StreamResponse:
    """Figures of `?period=` or `?from=&to=`; `school`, `room`, `state`, `page` narrow the seats."""
    frame = Frame.of(request)
    query = request.query
    period, complaint = asked(query, frame.today, frame.roster)
    evidence = frame.services.evidence
    now = await evidence.coverage(period.first, period.last)
    before = await evidence.coverage(*period.before)
    school = SchoolId(query.get("school", ""))
    only = school if school in now.by_school else None
    room = query.get("room", "") if ClassroomId(query.get("room", "")) in now.by_classroom else ""
    state = query.get("state", "") if query.get("state", "") in _STATES else ""
    unfinished = await frame.services.lessons.unfinished(s.occurrence for s in now.seats)
    rows = tables.seat_rows(now, frame.roster, unfinished, only, room, state)
    pages = max(1, -(-len(rows) // SEATS_PER_PAGE))
    later = now.pending(unfinished)
    page = min(max(1, int(query["page"])), pages) if _is_page(query.get("page", "")) else 1
    return frame.render(
        "coverage.html",
        problem=frame.t(complaint) if complaint else None,
        period=period,
        before=period.before,
        presets=[
            (name, text, frame.link(**{**_WHOLE, "period": name}), period.preset == name)
            for name, text in PRESETS
            if preset(name, frame.today, frame.roster)
        ],
        cut_off=frame.now,
        rules=now.rules,
        thresholds=_thresholds(frame, now.rules),
        headlines=tables.headlines(frame, now, before),
        pending=sum(s.occurrence.periods for s in later),
        schools=tables.school_rows(now, frame.roster, later),
        total=tables.total_row(frame, now, later),
        rooms=tables.room_groups(now, frame.roster, only, later),
        subjects=tables.subject_rows(now, later),
        heat=tables.heat_map(frame, now, later),
        causes=tables.cause_rows(now, later),
        matrix=tables.matrix_rows(now, frame.roster),
        modes=_MODES,
        words=tables.STACK_WORDS,
        only=only,
        room=room,
        room_name=frame.roster.classrooms[ClassroomId(room)].name if room else "",
        school_name=frame.roster.schools[only].name if only else "",
        state=state,
        states=[(code, SEAT_WORDS[code]) for code in SEAT_WORDS]
        + [(tables.NOT_YET.shape, tables.NOT_YET)],
        rows=rows[(page - 1) * SEATS_PER_PAGE : page * SEATS_PER_PAGE],
        found=len(rows),
        page_no=page,
        pages=pages,
        link=frame.link,
        any_seats=bool(now.seats),
        may_plan=frame.may(Role.ADMIN),
    )


# A preset begins with the whole programme again.
_WHOLE: Final = {"from": None, "to": None, "page": None}


def _is_page(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6


def _thresholds(frame: Frame, rules: Rules) -> str:
    """The rules in one line, because every figure rests on them."""
    return frame.t(
        "送达 ≥ %(delivered)s 的包被确认；已开 ρ ≥ %(held)s；部分 ρ ≥ %(partial)s",
        delivered=f"{rules.delivered_ratio * 100:g} %",
        held=f"{rules.held:g}",
        partial=f"{rules.partial:g}",
    )


ROUTES = (PageRoute("coverage", "GET", "/coverage", show, BUREAU),)
