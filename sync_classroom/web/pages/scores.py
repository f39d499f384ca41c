"""Scoring the lessons a research session watched: one's own, and for its leader everybody's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final
from urllib.parse import quote

from aiohttp import web

from ...coordinator.meetings import Attendee
from ...coordinator.research import Session
from ...domain.accounts import Role
from ...domain.ids import OccurrenceId
from ...domain.problems import ProblemError
from ...domain.rubric import (
    MAX_POINTS,
    MAX_REMARK,
    Item,
    Result,
    Scores,
    print_of,
    result_of,
)
from ...domain.timetable import Occurrence
from ...reports.csv_files import written
from ..formats import term_on
from ..i18n import mark
from .forms import Form, parse_count
from .frame import Frame, posted, see_other
from .research import may_change, require_planner, session_of
from .route import PLANNERS, PageRoute

_COLUMNS: Final = (mark("课"), mark("日期"), mark("教师")), (mark("总分"), mark("评语"))


@dataclass(frozen=True, slots=True)
class Scored:
    """One lesson with its scores, as far as this person may see them."""

    lesson: Occurrence
    items: tuple[Item, ...]
    names: tuple[str, ...]
    mine: Scores | None
    result: Result | None
    scores: tuple[Scores, ...]


async def show(request: web.Request) -> web.StreamResponse:
    """The lessons, one's own scores, and for whoever leads the session all of them."""
    return await _page(Frame.of(request), await session_of(request), None)


async def give(request: web.Request) -> web.StreamResponse:
    """Give or change one's scores of a lesson; what cannot be stored stays in the form."""
    frame = Frame.of(request)
    form = await posted(request)
    session = await session_of(request)
    who = frame.services.meetings.as_user(session, frame.user)
    service = frame.services.scoring
    lesson = OccurrenceId(form.text("lesson"))
    known = (await service.scores(session)).get(lesson, ())
    items = await service.items_for(known)
    if form.text("rubric") != print_of(items):  # points belong to the items that were shown
        form.wrong("form", frame.t("评课表刚刚换过，您的评分没有保存。请按新的评课表再评一次。"))
        return await _page(frame, session, form, status=409)
    given = [
        parse_count(form.text(f"points-{n}"), least=0, most=MAX_POINTS) for n in range(len(items))
    ]
    try:
        await service.score(session, who, lesson, given, form.get("remark"), items=items)
    except ProblemError as problem:
        field = problem.field or ""
        known_field = field == "remark" or field.startswith("points-")
        form.wrong(field if known_field else "form", frame.say(problem))
        return await _page(frame, session, form, status=409)
    return see_other(f"/research/{session.id}/scores", done="saved")


async def table(request: web.Request) -> web.StreamResponse:
    """Everybody's scores as CSV, for whoever leads the session."""
    frame = Frame.of(request)
    session = await session_of(request)
    require_planner(frame.user, session)
    rows: list[Sequence[object]] = []
    for each in await _scored(frame, session, None):
        first, last = _COLUMNS
        rows.append([*map(frame.t, first), *each.names, *map(frame.t, last)])
        what = [each.lesson.title, each.lesson.date.isoformat()]
        rows += [[*what, s.name, *s.points, one_place(s.total), s.remark] for s in each.scores]
        if each.result is not None:
            averages = [one_place(a) for a in each.result.averages]
            rows.append([*what, frame.t("平均"), *averages, one_place(each.result.total), ""])
    response = web.Response(body=written(rows), content_type="text/csv", charset="utf-8")
    o = session.occurrence
    name = quote(f"{o.title}-{o.date}.csv", safe="")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    response.headers["Cache-Control"] = "no-store"
    return response


async def averages(frame: Frame, session: Session) -> list[tuple[str, list[str]]]:
    """Averages as sections of the minutes: when all have scored, or for whoever leads."""
    if await frame.services.scoring.open(session) and not may_change(frame.user, session):
        return []
    sections = []
    for each in await _scored(frame, session, None):
        if each.result is not None:
            title = frame.t("评分：%(lesson)s", lesson=each.lesson.title)
            lines = [
                f"{name} {one_place(average)} / {item.most}"
                for name, item, average in zip(
                    each.names, each.items, each.result.averages, strict=True
                )
            ]
            total = frame.t(
                "总分 %(total)s（满分 100，%(n)s 人平均）",
                total=one_place(each.result.total), n=each.result.count,
            )  # fmt: skip
            sections.append((title, [*lines, total]))
    return sections


def item_name(frame: Frame, item: Item) -> str:
    """What an item is called in the reader's language."""
    return frame.tongue.pick(item.name, item.english or item.name)


def one_place(value: Fraction) -> str:
    """A figure to one decimal place."""
    return f"{float(round(value, 1)):.1f}"


# ---------------------------------------------------------------------------- parts


async def _scored(frame: Frame, session: Session, who: Attendee | None) -> list[Scored]:
    service = frame.services.scoring
    known = await service.scores(session)
    found = []
    for lesson in await service.lessons(session):
        scores = known.get(lesson.id, ())
        mine = next((s for s in scores if who is not None and s.by == who.peer), None)
        items = await service.items_for(scores)
        names = tuple(item_name(frame, item) for item in items)
        found.append(Scored(lesson, items, names, mine, result_of(scores), scores))
    return found


async def _page(
    frame: Frame, session: Session, form: Form | None, *, status: int = 200
) -> web.Response:
    o = session.occurrence
    invited = frame.user.teacher in session.people
    leads = may_change(frame.user, session)
    if not invited and frame.user.role is not Role.ADMIN:
        frame.services.meetings.as_user(session, frame.user)  # says why not
    who = frame.services.meetings.as_user(session, frame.user) if invited else None
    return frame.render(
        "scores.html",
        status=status,
        problem=form.errors.get("form") if form else None,
        session=session,
        o=o,
        term=term_on(frame.roster, o.date),
        scored=await _scored(frame, session, who),
        leads=leads,
        may_score=invited and await frame.services.scoring.open(session),
        form=form,
        form_of=_form_of,
        one_place=one_place,
        print_of=print_of,
        may_edit_rubric=frame.user.role is Role.ADMIN,
        remark_max=MAX_REMARK,
    )


def _form_of(each: Scored, form: Form | None) -> Form:
    """The form of one lesson: as it was sent, else with what this person gave before."""
    if form is not None and form.text("lesson") == each.lesson.id:
        return form
    if each.mine is None:
        return Form()
    points = {f"points-{n}": str(value) for n, value in enumerate(each.mine.points)}
    return Form.filled(remark=each.mine.remark, **points)


AT: Final = "/research/{session}/scores"
ROUTES = (
    PageRoute("scores", "GET", AT, show, PLANNERS),
    PageRoute("scores-give", "POST", AT, give, PLANNERS),
    PageRoute("scores-file", "GET", AT + ".csv", table, PLANNERS),
)
