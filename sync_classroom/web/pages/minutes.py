"""Minutes of a research session: read, written paragraph by paragraph, printed, taken along.

With them stands what was said of the lesson that was watched.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from itertools import groupby
from typing import Final
from urllib.parse import quote

from aiohttp import web

from ...coordinator.research import Session
from ...domain.accounts import Role, User
from ...domain.minutes import MAX_PARAGRAPH, as_markdown, shown
from ...domain.problems import ProblemError, ProblemKind
from ...domain.study import Comment, clock
from ..formats import term_on
from .forms import Form, parse_count
from .frame import Frame, once, posted, see_other
from .research import session_of
from .route import PLANNERS, SIGNED_IN, PageRoute
from .scores import averages

_MOST: Final = 9999


async def show(request: web.Request) -> web.StreamResponse:
    """The minutes; with `?edit=N` the form has paragraph N."""
    frame = Frame.of(request)
    session = await session_of(request)
    form = Form.filled(key=secrets.token_hex(16))
    number = parse_count(request.query.get("edit", ""), least=1, most=_MOST)
    if number is not None and may_write(frame.user, session):
        for each in await frame.services.minutes.of(session):
            if each.number == number and each.text:
                form = Form.filled(
                    key=secrets.token_hex(16), text=each.text, number=str(number),
                    seen=str(each.revision),
                )  # fmt: skip
    return await _page(frame, session, form)


async def write(request: web.Request) -> web.StreamResponse:
    """A new paragraph, or another text for one; what cannot be stored stays in the form."""
    frame = Frame.of(request)
    form = await posted(request)
    session = await session_of(request)
    if not may_write(frame.user, session):
        raise ProblemError(
            "not_writer",
            "只有主持人、受邀教师和管理员可以写纪要。",
            "Only the leader, invited teachers and administrators write minutes.",
            kind=ProblemKind.FORBIDDEN,
            value=frame.user.login,
        )
    number = parse_count(form.text("number"), least=1, most=_MOST)
    seen = parse_count(form.text("seen"), least=1, most=_MOST)
    service, key = frame.services.minutes, once(frame, form)
    try:
        if number is None or seen is None:
            await service.add(session, form.get("text"), actor=frame.user.login, key=key)
        else:
            await service.change(
                session, number, seen, form.get("text"), actor=frame.user.login, key=key
            )
    except ProblemError as problem:
        form.wrong("text", frame.say(problem))
        if problem.code == "paragraph_changed" and isinstance(problem.value, int):
            # Next time it is their revision that is followed: both are on the page now.
            form.values = {
                **form.values, "seen": [str(problem.value)], "key": [secrets.token_hex(16)],
            }  # fmt: skip
        return await _page(frame, session, form, status=409)
    return see_other(f"/research/{session.id}/minutes", done="saved")


async def markdown(request: web.Request) -> web.StreamResponse:
    """The minutes as a Markdown file, which is plain text too."""
    frame = Frame.of(request)
    session = await session_of(request)
    o, roster = session.occurrence, frame.roster
    leader = roster.teachers.get(o.host.teacher)
    facts = [
        (
            frame.t("时间"),
            f"{frame.format.day(o.date)} {frame.format.span(o.starts_at, o.ends_at)}",
        ),
        (frame.t("学科"), o.subject),
        (frame.t("主持人"), leader.name if leader else o.host.teacher),
    ]
    text = as_markdown(
        o.title, facts, await frame.services.minutes.of(session), await _names(frame),
        [
            *((part.title, part.lines) for part in await _commented(frame, session)),
            *await averages(frame, session),
        ],
    )  # fmt: skip
    response = web.Response(text=text, content_type="text/markdown", charset="utf-8")
    name = quote(f"{o.title}-{o.date}.md", safe="")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    response.headers["Cache-Control"] = "no-store"
    return response


def may_write(user: User, session: Session) -> bool:
    """Administrators, and teachers who lead or are invited."""
    return user.role is Role.ADMIN or (user.role is Role.TEACHER and user.teacher in session.people)


@dataclass(frozen=True, slots=True)
class Commented:
    """A lesson that was watched, and what was said of its moments."""

    title: str
    comments: tuple[Comment, ...]

    @property
    def lines(self) -> list[str]:
        """`12:05 name: words`, for a file."""
        return [f"{clock(c.mark_ms)} {c.name}：{c.text}" for c in self.comments]


async def _commented(frame: Frame, session: Session) -> list[Commented]:
    """Comments by lesson, as the lessons were first commented."""
    found = await frame.services.study.comments(session)
    lessons = await frame.services.store.occurrences_of({c.lesson for c in found})
    parts = []
    for ident, comments in groupby(found, key=lambda c: c.lesson):
        lesson = lessons.get(ident)
        what = (
            ident if lesson is None else f"{lesson.title}（{frame.format.short_day(lesson.date)}）"
        )
        parts.append(Commented(frame.t("看课评论：%(lesson)s", lesson=what), tuple(comments)))
    return parts


async def _names(frame: Frame) -> dict[str, str]:
    """People by what they sign in with."""
    return {u.login: u.name for u in await frame.services.store.users()}


async def _page(frame: Frame, session: Session, form: Form, *, status: int = 200) -> web.Response:
    o = session.occurrence
    return frame.render(
        "minutes.html",
        status=status,
        session=session,
        o=o,
        term=term_on(frame.roster, o.date),
        paragraphs=shown(await frame.services.minutes.of(session)),
        names=await _names(frame),
        averages=await averages(frame, session),
        commented=await _commented(frame, session),
        clock=clock,
        may_write=may_write(frame.user, session),
        form=form,
        text_max=MAX_PARAGRAPH,
    )


ROUTES = (
    PageRoute("minutes", "GET", "/research/{session}/minutes", show, SIGNED_IN),
    PageRoute("minutes-write", "POST", "/research/{session}/minutes", write, PLANNERS),
    PageRoute("minutes-file", "GET", "/research/{session}/minutes.md", markdown, SIGNED_IN),
)
