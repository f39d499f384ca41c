"""The grid as a workbook: one sheet for each class, teacher, room or school that has lessons."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, TypeVar

from aiohttp import web

from ...domain.accounts import Role
from ...domain.grid import GridPlan, week_grid
from ...domain.grid_pattern import pattern_grid
from ...domain.grid_views import View, ViewKind, parse_view
from ...domain.ids import TermId
from ...domain.problems import ProblemError, ProblemKind
from ...domain.roster import Classroom, Roster, SchoolClass, Teacher, Term
from ...exchange.grid_xlsx import MAX_SHEETS, GridSheet, grid_workbook
from ..i18n import mark
from .forms import parse_count
from .frame import Frame
from .route import SIGNED_IN, PageRoute
from .timetable_choice import monday_of, term_near, week_near, weeks_of
from .timetable_desk import state_text
from .timetable_import import XLSX, download

K = TypeVar("K")
V = TypeVar("V")
_WEEK: Final = timedelta(days=7)


async def export(request: web.Request) -> web.StreamResponse:
    """`?term=&week=&by=&id=&show=`: a week, or with `show=pattern` the rules of the term.

    Without `id` every class, teacher, room or school that has lessons gets its sheet. `show=draft`
    is for administrators.
    """
    frame = Frame.of(request)
    term = _term(frame)
    view = await frame.services.timetable.draft(term.id)
    shown = request.query.get("show", "")
    draft = shown == "draft" and frame.may(Role.ADMIN)
    source = view.copy.occurrences if draft else _there(view.base.occurrences)
    rules = view.copy.series if draft else _there(view.base.series)
    asked = parse_count(request.query.get("week", ""), least=1, most=weeks_of(term))
    week = asked or week_near(term, frame.today)
    monday = monday_of(term, week)
    plan = GridPlan(view.roster, view.calendar, frame.services.zone, source, rules)
    pattern = shown == "pattern"
    lines = [term.name]
    if not pattern:
        sunday = monday + _WEEK - timedelta(days=1)
        lines.append(frame.t(mark("第 %(n)s 周"), n=week))
        lines.append(frame.format.date_range(monday, sunday))
    state = await state_text(frame, view, draft=draft)
    subtitle = " · ".join([*lines, state])
    views = _views(frame, view.roster)

    def work() -> bytes:
        sheets = list(_sheets(frame, views, plan, monday, subtitle, pattern=pattern))
        foot = frame.t(
            mark("同步课堂 · %(state)s · 导出于 %(at)s"),
            state=state,
            at=frame.format.stamp(frame.now),
        )
        return grid_workbook(
            sheets, view.roster, language=frame.tongue.code, foot=foot, made_at=frame.now
        )

    body = await asyncio.to_thread(work)
    name = f"timetable-{term.id}" + ("" if pattern else f"-week{week:02}")
    return download(body, XLSX, f"{''.join(c for c in name if c.isascii() and c not in ':')}.xlsx")


def _there(things: Mapping[K, V | None]) -> dict[K, V]:
    return {k: v for k, v in things.items() if v is not None}


def _term(frame: Frame) -> Term:
    asked = frame.roster.terms.get(TermId(frame.request.query.get("term", "")))
    term = asked or term_near(frame.roster, frame.today)
    if term is None:
        raise ProblemError(
            "unknown_term",
            "还没有学期，没有可导出的课表。",
            "There is no term yet, so there is no timetable to export.",
            kind=ProblemKind.NOT_FOUND,
        )
    return term


def _views(frame: Frame, roster: Roster) -> list[View]:
    """The one asked for, or all of its kind; a school's with `school=`."""
    query = frame.request.query
    by = query.get("by", ViewKind.SCHOOL.value)
    if "id" in query:
        view = parse_view(by, query["id"], roster)
        if view is None:
            raise ProblemError(
                "unknown_view",
                "没有这个班级、教师、教室或学校。请从课表页面导出。",
                "There is no such class, teacher, classroom or school. Export from the timetable.",
                kind=ProblemKind.NOT_FOUND,
                field="id",
                value=query["id"][:100],
            )
        return [view]
    kind = ViewKind(by) if by in list(ViewKind) else ViewKind.SCHOOL
    school = query.get("school", "")
    of_kind: Mapping[ViewKind, Iterable[tuple[str, str]]] = {
        ViewKind.CLASS: [(c.id, c.school) for c in roster.classes.values()],
        ViewKind.TEACHER: [(t.id, t.school) for t in roster.teachers.values()],
        ViewKind.CLASSROOM: [(c.id, c.school) for c in roster.classrooms.values()],
        ViewKind.SCHOOL: [(s.id, s.id) for s in roster.schools.values()],
        ViewKind.HOST: [(s.id, s.id) for s in roster.schools.values()],
    }
    wanted = school if school in roster.schools else None
    ids = [i for i, s in of_kind[kind] if wanted is None or s == wanted]
    return [v for i in ids if (v := parse_view(kind, i, roster)) is not None]


def _sheets(
    frame: Frame, views: list[View], plan: GridPlan, monday: date, subtitle: str, *, pattern: bool
) -> Iterable[GridSheet]:
    """Sheets with lessons; the first view's if none has any, so that the file is never empty."""
    week = [o for o in plan.lessons.values() if monday <= o.date < monday + _WEEK]
    made = 0
    for view in views:
        grid = (
            pattern_grid(view, monday, plan.series.values(), plan)
            if pattern
            else week_grid(view, monday, week, plan, today=frame.today)
        )
        if made and not grid.cells:
            continue
        if len(views) > 1 and not grid.cells and view is not views[-1]:
            continue
        name, school = name_of_view(view, plan.roster)
        title = frame.t(mark("%(name)s 课表"), name=f"{school} {name}".strip())
        yield GridSheet(
            name if len(views) == 1 else f"{school} {name}".strip(), title, subtitle, grid
        )
        made += 1
        if made >= MAX_SHEETS:
            return


def name_of_view(view: View, roster: Roster) -> tuple[str, str]:
    """The name of what a view is about, and of its school if it is not one itself."""
    if view.kind in (ViewKind.SCHOOL, ViewKind.HOST):
        return next(s.name for s in roster.schools.values() if s.id == view.id), ""
    tables: Mapping[ViewKind, Sequence[SchoolClass | Teacher | Classroom]] = {
        ViewKind.CLASS: list(roster.classes.values()),
        ViewKind.TEACHER: list(roster.teachers.values()),
        ViewKind.CLASSROOM: list(roster.classrooms.values()),
    }
    thing = next(x for x in tables[view.kind] if x.id == view.id)
    return thing.name, roster.schools[thing.school].name


ROUTES = (PageRoute("timetable-export", "GET", "/timetable/export.xlsx", export, SIGNED_IN),)
