"""Research sessions: the list of a term, one session with its people, calling it off."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from aiohttp import web

from ...coordinator.research import Session, begun
from ...coordinator.views import LessonView
from ...domain.accounts import Role, User
from ...domain.ids import OccurrenceId, TermId
from ...domain.lesson import LessonState
from ...domain.library import MAX_TITLE
from ...domain.meeting import MAX_NAME
from ...domain.problems import ProblemError, ProblemKind
from ...domain.research import Papers, by_school
from ...domain.roster import School, Teacher, Term
from ..formats import term_on
from ..i18n import mark
from .forms import Form
from .frame import Frame, once, posted, see_other
from .lesson_history import HistoryRow, history_rows
from .library import ACCEPT, upload_words
from .route import PLANNERS, SIGNED_IN, PageRoute
from .session_recording import recording_of
from .words import Word, lesson_code

REASON_MAX: Final = 200
#: Resources that a session's leader chooses from; older ones are found in the library.
MAX_OFFERED: Final = 200
#: Outside every term the list reaches so far to both sides.
AROUND: Final = timedelta(days=120)

SESSION_WORDS: Final = {
    LessonState.PLANNED: Word("waiting", mark("待开")),
    LessonState.OPEN: Word("waiting", mark("可进入")),
    LessonState.LIVE: Word("live", mark("进行中")),
    LessonState.ENDED: Word("ended", mark("已结束")),
    LessonState.MISSED: Word("missed", mark("没有开成")),
    LessonState.CANCELLED: Word("cancelled", mark("已取消")),
}


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session in the list."""

    session: Session
    view: LessonView
    word: Word
    schools: int
    mine: bool


@dataclass(frozen=True, slots=True)
class Attended:
    """One teacher and how long they were there; `enough` to attend by the rules in force."""

    teacher: Teacher
    seconds: int
    enough: bool
    leads: bool
    invited: bool


@dataclass(frozen=True, slots=True)
class SchoolPeople:
    """The teachers of one school: the leader, the invited, and whoever else came."""

    school: School
    people: tuple[Attended, ...]


@dataclass(frozen=True, slots=True)
class Attendance:
    """Who came to a session, in figures. `schools` are those with somebody who attended."""

    by_school: tuple[SchoolPeople, ...]
    people: int
    came: int
    enough: int
    schools: int
    least_s: int


async def sessions(request: web.Request) -> web.StreamResponse:
    """The sessions of a term (`?term=`), or with `?mine=1` those of the signed-in teacher."""
    frame = Frame.of(request)
    term = frame.roster.terms.get(TermId(request.query.get("term", "")))
    term = term or term_on(frame.roster, frame.today)
    first, last = _period(term, frame.today)
    found = await frame.services.research.sessions(first, last)
    mine_only = request.query.get("mine") == "1" and frame.user.teacher is not None
    rows = await _rows(frame, [s for s in found if not mine_only or frame.user.teacher in s.people])
    ahead = [r for r in rows if not r.view.over]
    return frame.render(
        "research.html",
        term=term,
        terms=sorted(frame.roster.terms.values(), key=lambda t: t.first_day),
        ahead=ahead,
        past=[r for r in reversed(rows) if r.view.over],
        mine_only=mine_only,
        hidden=len(found) - len(rows),
        everybody=frame.link(mine=None),
        own=frame.link(mine="1") if frame.user.teacher is not None else None,
        may_plan=may_plan(frame.user),
        may_edit_rubric=frame.user.role is Role.ADMIN,
    )


async def show(request: web.Request) -> web.StreamResponse:
    """The session named in the address, under the id of its first plan."""
    frame = Frame.of(request)
    try:
        session = await session_of(request)
    except ProblemError as problem:
        return frame.problem(problem)
    if session.id != request.match_info["session"]:
        return see_other(f"/research/{session.id}")
    return await session_page(frame, session, Form())


async def cancel(request: web.Request) -> web.StreamResponse:
    """Call the session off, with a reason."""
    frame = Frame.of(request)
    form = await posted(request)
    session = await session_of(request)
    require_planner(frame.user, session)
    if not form.text("reason"):
        form.wrong("reason", frame.t("请写明原因；它会告诉每位受邀教师。"))
    if form.text("excused") not in ("yes", "no"):
        form.wrong("excused", frame.t("请选择这次取消算不算有因。"))
    if not form.ok:
        return await session_page(frame, session, form, status=422)
    try:
        await frame.services.research.cancel(
            session,
            excused=form.text("excused") == "yes",
            reason=form.text("reason"),
            actor=frame.user.login,
            key=once(frame, form),
        )
    except ProblemError as problem:
        form.wrong("reason" if problem.field == "reason" else "form", frame.say(problem))
        return await session_page(frame, session, form, status=409)
    return see_other(f"/research/{session.id}", done="session-cancelled")


# ---------------------------------------------------------------------------- who may


def may_plan(user: User) -> bool:
    """Administrators plan for everybody, teachers what they lead themselves."""
    return user.role is Role.ADMIN or (user.role is Role.TEACHER and user.teacher is not None)


def may_change(user: User, session: Session) -> bool:
    """Administrators and the session's own leader."""
    return user.role is Role.ADMIN or (
        user.role is Role.TEACHER and user.teacher == session.occurrence.host.teacher
    )


def require_planner(user: User, session: Session) -> None:
    """ProblemError `not_leader` unless this person may change the session."""
    if not may_change(user, session):
        raise ProblemError(
            "not_leader",
            "只有主持人和管理员可以修改这场教研。需要改动请联系主持人。",
            "Only its leader and administrators may change this session. Ask the leader.",
            kind=ProblemKind.FORBIDDEN,
            value=user.login,
        )


# ---------------------------------------------------------------------------- showing


async def session_of(request: web.Request) -> Session:
    """The session named in the address; ProblemError `unknown_session`."""
    research = Frame.of(request).services.research
    return await research.session(OccurrenceId(request.match_info["session"]))


def _period(term: Term | None, today: date) -> tuple[date, date]:
    if term is not None:
        return term.first_day, term.last_day
    return today - AROUND, today + AROUND


async def _rows(frame: Frame, found: Sequence[Session]) -> list[SessionRow]:
    views = await frame.services.lessons.views_of([s.occurrence for s in found])
    return [
        SessionRow(
            session,
            view,
            SESSION_WORDS[lesson_code(view)],
            len(by_school(session.people, frame.roster)),
            frame.user.teacher in session.people,
        )
        for session, view in zip(found, views, strict=True)
    ]


async def session_page(
    frame: Frame, session: Session, form: Form, *, status: int = 200, link: str = ""
) -> web.Response:
    """The page of one session; `link` is a guest's, made just now and shown this once."""
    (view,) = await frame.services.lessons.views_of([session.occurrence])
    o, roster, state = session.occurrence, frame.roster, lesson_code(view)
    changeable = may_change(frame.user, session) and state in (
        LessonState.PLANNED, LessonState.OPEN, LessonState.LIVE,
    )  # fmt: skip
    return frame.render(
        "research_session.html",
        status=status,
        problem=form.errors.get("form"),
        session=session,
        o=o,
        view=view,
        word=SESSION_WORDS[state],
        term=term_on(roster, o.date),
        leader=roster.teachers[o.host.teacher],
        attendance=await _attendance(frame, session),
        history=await _history(frame, session),
        papers=_paper_rows(await frame.services.research.papers_history(session.id)),
        may_edit=may_change(frame.user, session) and state is not LessonState.CANCELLED,
        may_cancel=changeable and frame.now < o.ends_at,
        begun=begun(session, frame.now),
        live=state in (LessonState.OPEN, LessonState.LIVE),
        may_meet=state in (LessonState.PLANNED, LessonState.OPEN, LessonState.LIVE)
        and frame.user.teacher in session.people,
        may_invite=changeable,
        files=await frame.services.materials.of(session),
        upload=_upload(frame, session),
        accept=ACCEPT,
        title_max=MAX_TITLE,
        resources=await _unattached(frame, session),
        may_score=(may_change(frame.user, session) or frame.user.teacher in session.people)
        and bool(await frame.services.store.lessons_watched(session.id)),
        recorded=await recording_of(frame, session),
        guests=await frame.services.store.guests_of(session.id),
        link=link,
        guest_max=MAX_NAME,
        form=form,
        key=form.text("key") or secrets.token_hex(16),
        reason_max=REASON_MAX,
    )


async def _attendance(frame: Frame, session: Session) -> Attendance:
    """Everybody who should be there or was, by school, with their seconds."""
    o, roster = session.occurrence, frame.roster
    seconds = await frame.services.evidence.attendance(o)
    least = (await frame.services.evidence.rules()).research_min_s
    people = {
        t: Attended(
            roster.teachers[t],
            seconds.get(t, 0),
            seconds.get(t, 0) >= least,
            t == o.host.teacher,
            t in session.people,
        )
        for t in (session.people | seconds.keys()) & roster.teachers.keys()
    }
    attended = [p for p in people.values() if p.enough]
    return Attendance(
        tuple(
            SchoolPeople(roster.schools[school], tuple(people[t] for t in teachers))
            for school, teachers in by_school(people, roster).items()
        ),
        len(people),
        sum(p.seconds > 0 for p in people.values()),
        len(attended),
        len({p.teacher.school for p in attended}),
        least,
    )


def _upload(frame: Frame, session: Session) -> Mapping[str, str]:
    """What the upload's script says and does: the file belongs to the session then."""
    page = f"/research/{session.id}"
    words = upload_words(frame, frame.services.library.limits.file_bytes)
    return {**words, "then": f"{page}/materials", "done": f"{page}?done=resource-added"}


async def _unattached(frame: Frame, session: Session) -> list[tuple[str, str]]:
    """The library's latest for whoever may add them, but for those that belong here already."""
    if not may_change(frame.user, session):
        return []
    here = {each.file.resource for each in await frame.services.materials.of(session)}
    found = await frame.services.library.resources()
    return [(str(r.id), r.details.title) for r in found if r.id not in here][:MAX_OFFERED]


async def _history(frame: Frame, session: Session) -> tuple[HistoryRow, ...]:
    rows: list[HistoryRow] = []
    for occurrence, entries in await frame.services.research.history(session):
        rows += history_rows(frame, occurrence, entries)
    return tuple(sorted(rows, key=lambda row: row.at))


def _paper_rows(revisions: Sequence[Papers]) -> tuple[Papers, ...]:
    """Who wrote the papers when; the first time is part of planning and not worth a line."""
    return tuple(revisions[1:]) if revisions and revisions[0].revision == 1 else tuple(revisions)


ROUTES = (
    PageRoute("research", "GET", "/research", sessions, SIGNED_IN),
    PageRoute("research-session", "GET", "/research/{session}", show, SIGNED_IN),
    PageRoute("research-cancel", "POST", "/research/{session}/cancel", cancel, PLANNERS),
)
