"""Two periods beside each other: every measure, every school, and what to know before comparing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from ...domain.comparison import Caveat, CaveatKind, caveats, change_of
from ...domain.coverage import CoverageFigures, SchoolFigures
from ...domain.definitions import DEFINITIONS, Unit
from ...domain.ids import SchoolId
from ...domain.measures import Ratio
from ...domain.rules import Rules
from ..i18n import mark
from . import coverage_tables as tables
from .coverage import basis, chosen
from .coverage_places import of_school
from .coverage_trend import overlay
from .frame import Frame
from .period import Period
from .route import BUREAU, PageRoute

# Every measure stands in one of these.
GROUPS: Final = (
    (
        mark("开课与听课"),
        (
            "held_rate", "due_periods", "held_periods", "credited_s", "fidelity", "host_rate",
            "host_s", "host_periods", "interaction_rate", "pupils_reached", "pupil_attendances",
        ),
    ),
    (
        mark("覆盖与建设"),
        (
            "school_coverage", "classroom_coverage", "class_coverage", "regular_rate",
            "mode_coverage", "build_progress",
        ),
    ),
    (
        mark("听讲席与证据"),
        (
            "due_seats", "held_seats", "partial_seats", "missed_seats", "unknown_seats",
            "cancelled_unexcused_seats", "cancelled_excused_seats", "moved_seats",
            "evidence_complete", "adjusted_share",
        ),
    ),
    (
        mark("在线教研"),
        (
            "research_planned", "research_held", "research_teachers", "research_teacher_s",
            "research_schools",
        ),
    ),
    (
        mark("精准推送"),
        (
            "push_addressed", "push_delivered", "push_opened", "push_completed", "push_open_rate",
            "push_completion_rate", "push_schools",
        ),
    ),
)  # fmt: skip
OF_SCHOOL: Final = ("held_rate", "due_periods", "held_periods")
HEADLINES: Final = (
    "held_rate", "due_periods", "held_periods", "credited_s", "school_coverage",
    "classroom_coverage", "regular_rate",
)  # fmt: skip
_WORDS: Final = {
    CaveatKind.NOTHING_DUE: mark("%(days)s 没有应开的课，率无从比较。"),
    CaveatKind.RULES: mark(
        "规则刚刚换版：本期按第 %(now)s 版、对照期按第 %(before)s 版计算。请刷新本页再比较。"
    ),
    CaveatKind.OLD_RULES: mark(
        "%(last)s 施行的是第 %(before)s 版规则；为了可比，本页两段都按第 %(now)s 版计算，"
        "与当时公布的数字可能不同。"
    ),
    CaveatKind.OVERLAP: mark("两段重叠：%(days)s 在两边都计了。"),
    CaveatKind.SCHOOLS: mark(
        "在册的受援校数不同：本期 %(now)s 所，对照期 %(before)s 所；课时和人数不宜直接相比。"
    ),
    CaveatKind.ROOMS: mark(
        "已启用的受援教室数不同：本期 %(now)s 间，对照期 %(before)s 间；课时和时长不宜直接相比。"
    ),
    CaveatKind.DAYS: mark(
        "两段长短不同：本期 %(now)s 天，对照期 %(before)s 天；课时和时长不宜直接相比。"
    ),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One measure in both periods; a side is None where there is no such thing then."""

    code: str
    name: str
    formula: str
    now: tables.Value | None
    before: tables.Value | None
    change: str


@dataclass(frozen=True, slots=True)
class SchoolRow:
    """One school in both periods; `x_now`, `x_before` are its held rates in percent of a line."""

    id: str
    name: str
    pairs: tuple[Pair, ...]
    x_now: str | None
    x_before: str | None


@dataclass(frozen=True, slots=True)
class WeekRow:
    """The weeks of this number in both periods; a side is None without a lesson in it."""

    number: int
    now: tuple[str, tables.Value] | None
    before: tuple[str, tables.Value] | None
    change: str


async def show(request: web.Request) -> web.StreamResponse:
    """Figures of the period and of the one `?compare=` names, with every change between them."""
    frame = Frame.of(request)
    period, other, problem = chosen(frame)
    other = other or period.before
    coverage = frame.services.coverage
    now = await coverage.figures(period.first, period.last)
    before = await coverage.figures(other.first, other.last)
    later = await coverage.pending(period.first, period.last)
    waits = sum(s.periods for s in await coverage.pending(other.first, other.last))
    known = caveats(now, before, await coverage.rules_versions())
    values, earlier = tables.measures(now), tables.measures(before)
    await coverage.log_access(
        frame.user.login, "coverage.page", f"{_days(period)} ~ {_days(other)}"
    )
    schools = await asyncio.to_thread(school_rows, frame, now, before)
    said = await basis(frame, period, other, now, later)
    # Here there is always something to compare with.
    choices = [choice for choice in said.pop("against") if choice[0] != "none"]
    return frame.render(
        "coverage_compare.html",
        problem=problem,
        against=choices,
        **said,
        headlines=tables.headlines(frame, HEADLINES, values, earlier, now.rules),
        total=tables.total_row(frame, now, later),
        caveats=[_in_words(frame, c) for c in known],
        before_waits=waits,
        groups=[
            (title, [pair(frame, code, values, earlier, now.rules) for code in codes])
            for title, codes in GROUPS
        ],
        columns=[DEFINITIONS[code].name(frame.tongue.code) for code in OF_SCHOOL],
        schools=schools,
        weeks=week_rows(frame, now, before),
        overlay=overlay(
            *({n: held for n, (_, held) in _by_number(f).items()} for f in (now, before))
        ),
        all_schools=[pair(frame, code, values, earlier, now.rules) for code in OF_SCHOOL],
        only=None,
    )


def pair(
    frame: Frame,
    code: str,
    now: Mapping[str, Any] | None,
    before: Mapping[str, Any] | None,
    rules: Rules,
) -> Pair:
    """One measure of two groups of figures, either of which may not exist."""
    known = DEFINITIONS[code]
    values = [None if of is None else of[code] for of in (now, before)]
    change = change_of(known.unit, *values)
    written = [None if v is None else tables.value_in_words(frame, known.unit, v) for v in values]
    return Pair(
        code,
        known.name(frame.tongue.code),
        known.formula(frame.tongue.code, rules),
        written[0],
        written[1],
        tables.change_in_words(frame, known.unit, change) if change else "",
    )


def school_rows(
    frame: Frame, now: CoverageFigures, before: CoverageFigures
) -> tuple[SchoolRow, ...]:
    """Every remote school of either period, in the order of the roster."""
    ranks = {school: n for n, school in enumerate(frame.roster.schools)}
    either = sorted({*now.by_school, *before.by_school}, key=lambda s: ranks.get(s, len(ranks)))
    return tuple(
        _school(frame, s, now.by_school.get(s), before.by_school.get(s), now.rules) for s in either
    )


def _school(
    frame: Frame,
    school: SchoolId,
    now: SchoolFigures | None,
    before: SchoolFigures | None,
    rules: Rules,
) -> SchoolRow:
    values, earlier = (of_school(f) if f else None for f in (now, before))
    known = frame.roster.schools.get(school)
    return SchoolRow(
        school,
        known.name if known else school,
        tuple(pair(frame, code, values, earlier, rules) for code in OF_SCHOOL),
        *(_place(of["held_rate"]) if of else None for of in (values, earlier)),
    )


def week_rows(frame: Frame, now: CoverageFigures, before: CoverageFigures) -> tuple[WeekRow, ...]:
    """The held rate week by week: the first week beside the first, the second beside the second."""
    sides = [_by_number(figures) for figures in (now, before)]
    rows: list[WeekRow] = []
    for number in sorted({*sides[0], *sides[1]}):
        found = [side.get(number) for side in sides]
        change = change_of(Unit.RATIO, *(f[1] if f else None for f in found))
        written = [
            (f[0], tables.value_in_words(frame, Unit.RATIO, f[1])) if f else None for f in found
        ]
        said = tables.change_in_words(frame, Unit.RATIO, change) if change else ""
        rows.append(WeekRow(number, written[0], written[1], said))
    return tuple(rows)


def _by_number(figures: CoverageFigures) -> dict[int, tuple[str, Ratio]]:
    """The ISO weeks of a period with their held rates, by their number in it."""
    assert figures.first is not None
    monday = tables.monday_of(figures.first)
    return {
        (tables.monday_of_week(week) - monday).days // 7 + 1: (week, f.held_rate)
        for week, f in figures.by_week.items()
    }


def _place(held: Ratio) -> str | None:
    return f"{100 * held.numerator / held.denominator:.4f}%" if held.denominator else None


def _in_words(frame: Frame, caveat: Caveat) -> str:
    form = frame.format
    days = form.date_range(caveat.day, caveat.last) if caveat.day and caveat.last else ""
    last = form.date_range(caveat.last, caveat.last) if caveat.last else ""
    return frame.t(_WORDS[caveat.kind], now=caveat.now, before=caveat.before, days=days, last=last)


def _days(period: Period) -> str:
    return f"{period.first}…{period.last}"


ROUTES: Sequence[PageRoute] = (
    PageRoute("coverage-compare", "GET", "/coverage/compare", show, BUREAU),
)
