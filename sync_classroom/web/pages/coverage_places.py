"""One school, one classroom: the programme's figures again for it alone, down to the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from aiohttp import web

from ...domain.coverage import CoverageFigures, Figures, SchoolFigures
from ...domain.ids import ClassroomId, SchoolId
from ...domain.measures import Ratio
from ...domain.problems import ProblemError, ProblemKind
from ...domain.rollup import SeatResult
from . import coverage_tables as tables
from .coverage import MODES, basis, chosen, figures_of, weeks_of, within
from .coverage_seats import seat_page
from .frame import Frame
from .period import Period
from .route import BUREAU, PageRoute


async def school(request: web.Request) -> web.StreamResponse:
    """A remote school: headline, weeks, classrooms, causes, modes, and its seats."""
    frame = Frame.of(request)
    ident = SchoolId(request.match_info["school"])
    period, other, problem = chosen(frame)
    now = await frame.services.coverage.figures(period.first, period.last)
    if ident not in now.by_school:
        raise unknown_place(ident, "学校", "school", ident in frame.roster.schools)
    before = await figures_of(frame, other)
    values = of_school(now.by_school[ident])
    earlier = before.by_school.get(ident) if before else None
    all_later = await frame.services.coverage.pending(period.first, period.last)
    later = within(all_later, ident, None)
    return await _page(
        frame, period, other, now, later, problem,
        key=f"by_school/{ident}",
        title=frame.roster.schools[ident].name,
        crumbs=(),
        codes=tables.OF_SCHOOL,
        values=values,
        earlier=of_school(earlier) if earlier else None,
        figures=now.by_school[ident].figures,
        school=ident,
        rooms=tables.room_groups(now, frame.roster, ident, later),
        counts=now.mode_matrix[ident],
    )  # fmt: skip


async def classroom(request: web.Request) -> web.StreamResponse:
    """A remote classroom: headline, weeks, causes, and its seats with their evidence."""
    frame = Frame.of(request)
    ident = ClassroomId(request.match_info["classroom"])
    period, other, problem = chosen(frame)
    now = await frame.services.coverage.figures(period.first, period.last)
    if ident not in now.by_classroom:
        raise unknown_place(ident, "教室", "classroom", ident in frame.roster.classrooms)
    before = await figures_of(frame, other)
    room = frame.roster.classrooms[ident]
    owner = frame.roster.schools[room.school]
    earlier = before.by_classroom.get(ident) if before else None
    all_later = await frame.services.coverage.pending(period.first, period.last)
    return await _page(
        frame, period, other, now, within(all_later, None, ident), problem,
        key=f"by_classroom/{ident}",
        title=f"{owner.name} · {room.name}",
        crumbs=((f"/coverage/schools/{owner.id}", owner.name),),
        codes=tables.OF_ROOM,
        values=_of(now.by_classroom[ident]),
        earlier=_of(earlier) if earlier else None,
        figures=now.by_classroom[ident],
        room=ident,
        rooms=(),
        counts={},
    )  # fmt: skip


async def _page(
    frame: Frame,
    period: Period,
    other: Period | None,
    now: CoverageFigures,
    later: tuple[SeatResult, ...],
    problem: str | None,
    *,
    key: str,
    title: str,
    crumbs: Sequence[tuple[str, str]],
    codes: Sequence[str],
    values: Mapping[str, Any],
    earlier: Mapping[str, Any] | None,
    figures: Figures,
    rooms: Sequence[tables.RoomGroup],
    counts: Mapping[str, int],
    school: SchoolId | None = None,
    room: ClassroomId | None = None,
) -> web.Response:
    coverage = frame.services.coverage
    weeks = await coverage.weeks_of_place(period.first, period.last, school=school, classroom=room)
    by_week = {k: Ratio(w.held_periods, w.due_periods) for k, w in weeks.items()}
    causes = sum((Counter(w.causes()) for w in weeks.values()), Counter())
    seats = await seat_page(frame, period, figures, later, school=school, classroom=room)
    await coverage.log_access(
        frame.user.login, "coverage.page", f"{period.first}…{period.last} {school or room}"
    )
    return frame.render(
        "coverage_place.html",
        problem=problem,
        **await basis(frame, period, other, now, later),
        key=key,
        place=title,
        crumbs=crumbs,
        headlines=tables.headlines(frame, codes, values, earlier, now.rules),
        total=tables.place_row(title, figures, later),
        trend=weeks_of(frame, now, by_week, later),
        causes=tables.cause_rows(causes, later),
        rooms=rooms,
        modes=MODES if school else (),
        counts=counts,
        only=school,
        school=school or "",
        room=room or "",
        seats=seats,
        any_seats=bool(weeks),
    )


def _of(figures: Figures) -> dict[str, Any]:
    return {f.name: getattr(figures, f.name) for f in fields(figures)}


def of_school(found: SchoolFigures) -> dict[str, Any]:
    """Every measure of a school under its code name, rates as `Ratio`."""
    own = {f.name: getattr(found, f.name) for f in fields(found) if f.name != "figures"}
    return {**_of(found.figures), **own}


def unknown_place(ident: str, zh: str, en: str, known: bool) -> ProblemError:
    """There is no such place, or it was not in the programme then."""
    if known:
        return ProblemError(
            "not_in_programme",
            f"{zh}“{ident}”在这段时间不属于受援方。请换一个时间段，或回到覆盖页选择。",
            f"The {en} {ident!r} was not on the remote side in this period. Choose another period,"
            " or start from the coverage page.",
            kind=ProblemKind.NOT_FOUND,
        )
    return ProblemError(
        f"unknown_{en}",
        f"没有编号为“{ident[:96]}”的{zh}。请回到覆盖页选择。",
        f"There is no {en} {ident[:96]!r}. Start from the coverage page.",
        kind=ProblemKind.NOT_FOUND,
    )


ROUTES = (
    PageRoute("coverage-school", "GET", "/coverage/schools/{school}", school, BUREAU),
    PageRoute("coverage-classroom", "GET", "/coverage/classrooms/{classroom}", classroom, BUREAU),
)
