"""How far the lessons reach in a period: figures a bureau can believe and drill into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from ...domain.accounts import Role
from ...domain.calendar import iso_week
from ...domain.coverage import CoverageFigures, Ratio
from ...domain.ids import ClassroomId, SchoolId
from ...domain.rollup import SeatResult
from ..i18n import mark
from . import coverage_tables as tables
from .coverage_schools import MOST_GIVERS, MOST_ROOMS, school_page
from .coverage_seats import STATE_CHOICES, seat_page
from .coverage_trend import Trend, build, trend
from .forms import parse_day
from .frame import Frame
from .period import AGAINST, OWN, PRESETS, Period, against, asked, preset
from .route import BUREAU, PageRoute
from .second_opinions import share

MODES: Final = (
    ("live", mark("同步帮扶直播")),
    ("research", mark("在线帮扶教研")),
    ("push", mark("精准帮扶推送")),
)
# A preset begins with the whole programme again.
_WHOLE: Final = {"from": None, "to": None, "page": None, "schools": None}


async def show(request: web.Request) -> web.StreamResponse:
    """Figures of `?period=` or `?from=&to=`; `school`, `room`, `state`, `page` narrow the seats."""
    frame = Frame.of(request)
    query = request.query
    period, other, problem = chosen(frame)
    coverage = frame.services.coverage
    now = await coverage.figures(period.first, period.last)
    before = await figures_of(frame, other)
    later = await coverage.pending(period.first, period.last)
    school = SchoolId(query.get("school", ""))
    only = school if school in now.by_school else None
    room = ClassroomId(query.get("room", ""))
    shown = school_page(now, query.get("schools", ""))
    too_many = only is None and len(now.by_classroom) > MOST_ROOMS
    in_room = room if room in now.by_classroom else None
    figures = now.totals
    if in_room:
        figures = now.by_classroom[in_room]
    elif only:
        figures = now.by_school[only].figures
    seats = await seat_page(
        frame, period, figures, within(later, only, in_room), school=only, classroom=in_room
    )
    await coverage.log_access(frame.user.login, "coverage.page", f"{period.first}…{period.last}")
    return frame.render(
        "coverage.html",
        problem=problem,
        **await basis(frame, period, other, now, later),
        headlines=tables.headlines(
            frame, tables.HEADLINES, tables.measures(now),
            tables.measures(before) if before else None, now.rules,
        ),
        schools=tables.school_rows(now, frame.roster, shown.ids, later),
        shown=shown,
        total=tables.total_row(frame, now, later),
        rooms=() if too_many else tables.room_groups(now, frame.roster, only, later),
        too_many_rooms=too_many,
        subjects=tables.subject_rows(now, later),
        heat=tables.heat_map(frame, now, shown.ids, later),
        trend=weeks_of(frame, now, {k: f.held_rate for k, f in now.by_week.items()}, later),
        build=build(frame.roster, frame.services.settings.targets, frame.today),
        causes=tables.cause_rows(now.causes, later),
        second=await share(frame, period, now.totals.evidence_complete.denominator),
        matrix=tables.matrix_rows(now, frame.roster, shown.ids),
        givers=tables.giver_groups(now, frame.roster),
        most_givers=MOST_GIVERS,
        modes=MODES,
        only=only,
        room=in_room or "",
        room_name=frame.roster.classrooms[in_room].name if in_room else "",
        school_name=frame.roster.schools[only].name if only else "",
        seats=seats,
        any_seats=bool(now.by_week),
        may_plan=frame.may(Role.ADMIN),
    )  # fmt: skip


def chosen(frame: Frame) -> tuple[Period, Period | None, str | None]:
    """The period that is asked for, the one it is compared with, and what is wrong with them."""
    query = frame.request.query
    period, wrong = asked(query, frame.today, frame.roster)
    other, also = against(query, period, frame.roster)
    said = " ".join(frame.t(text) for text in (wrong, also) if text)
    return period, other, said or None


async def figures_of(frame: Frame, period: Period | None) -> CoverageFigures | None:
    """The figures of the period that is compared with, None without one."""
    if period is None:
        return None
    return await frame.services.coverage.figures(period.first, period.last)


def within(
    seats: tuple[SeatResult, ...], school: SchoolId | None, room: ClassroomId | None
) -> tuple[SeatResult, ...]:
    """The seats of one school or one classroom, if asked for one."""
    return tuple(s for s in seats if school in (None, s.school) and room in (None, s.classroom))


def weeks_of(
    frame: Frame,
    now: CoverageFigures,
    by_week: Mapping[str, Ratio],
    later: Iterable[SeatResult],
) -> Trend | None:
    """The held rate by week, each week under its name and with the days that are counted."""
    named = {}
    for week in by_week:
        monday = tables.monday_of_week(week)
        named[week] = (tables.week_name(frame, monday), *tables.week_days(now, monday))
    waiting: Counter[str] = Counter()
    for seat in later:
        waiting[iso_week(seat.date)] += seat.periods
    to_come = {week for week, n in waiting.items() if n == by_week[week].denominator}
    return trend(by_week, named, to_come)


async def basis(
    frame: Frame,
    period: Period,
    other: Period | None,
    now: CoverageFigures,
    later: tuple[SeatResult, ...],
) -> dict[str, Any]:
    """What every page of figures says of its periods and of what the figures rest on."""
    query = frame.request.query
    comparing = compare_query(query)
    chosen_own = query.get("compare") == "own"
    waiting = await frame.services.coverage.waiting()
    aside = await frame.services.coverage.aside() if waiting else ()
    return {
        "period": period,
        "before": other,
        "before_key": f"{other.first}/{other.last}" if other else "",
        "before_name": next((n for c, _, n in AGAINST if other and c == other.preset), ""),
        "against": [
            # What was chosen stays chosen, also where its dates were no dates.
            (
                code,
                text,
                code == "own" if chosen_own else code == (other.preset if other else "none"),
            )
            for code, text, _ in AGAINST
            if code != "term" or period.term_before(frame.roster)
        ],
        "own": [
            query[name] if chosen_own and parse_day(query.get(name, "")) else day
            for name, day in zip(OWN, (other.first, other.last) if other else ("", ""), strict=True)
        ],
        "presets": [
            (name, text, frame.link(**{**_WHOLE, "period": name}), period.preset == name)
            for name, text in PRESETS
            if preset(name, frame.today, frame.roster)
        ],
        "cut_off": frame.now,
        "rules": now.rules,
        "pending": sum(s.periods for s in later),
        "waiting": waiting - len(aside),
        "aside": aside,
        "words": tables.STACK_WORDS,
        "states": STATE_CHOICES,
        "link": frame.link,
        # The choice of what to compare with goes along; a week that is looked at has its own.
        "comparing": comparing,
        "dates": f"from={period.first}&to={period.last}{comparing}",
    }


def compare_query(query: Mapping[str, str]) -> str:
    """The choice of what to compare with as a link carries it on, "" for the usual one."""
    asked_for = query.get("compare", "")
    if asked_for not in {code for code, _, _ in AGAINST} - {"before"}:
        return ""
    names = OWN if asked_for == "own" else ()
    kept = [("compare", asked_for), *((name, query.get(name, "")) for name in names)]
    return f"&{urlencode(kept)}"


ROUTES = (PageRoute("coverage", "GET", "/coverage", show, BUREAU),)
