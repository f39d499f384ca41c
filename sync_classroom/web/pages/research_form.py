"""Planning a research session, and changing one: whom to invite, and what is in their way."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from aiohttp import web

from ...coordinator.research import InTheWay, Session, begun
from ...domain.accounts import Role
from ...domain.bookable import MAX_TEXT
from ...domain.conflicts import ClashError, ResourceKind
from ...domain.ids import ClassroomId, TeacherId
from ...domain.problems import ProblemError
from ...domain.research import (
    MAX_AGENDA,
    MAX_INVITED,
    MAX_MATERIALS,
    Material,
    NewSession,
    SubjectGroup,
    agenda_of,
    by_school,
    materials_of,
    materials_text,
)
from ...domain.roster import School, SchoolRole, Teacher
from ...domain.timetable import Mode
from .forms import Form, parse_clock, parse_day
from .frame import Frame, once, posted, see_other
from .lesson_form import SUBJECTS, in_use
from .research import REASON_MAX, may_plan, require_planner, session_of
from .route import PLANNERS, PageRoute

#: What the services call a field, and what it is called here.
_FIELDS: Final = {
    "title": "title", "subject": "subject", "teacher": "teacher", "classroom": "classroom",
    "starts_at": "starts", "ends_at": "ends", "date": "date", "invited": "invited",
    "agenda": "agenda", "materials": "materials", "reason": "reason",
}  # fmt: skip

Options = list[tuple[str | None, list[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, read: the session, its papers, and what else the form carries."""

    new: NewSession
    agenda: str
    materials: tuple[Material, ...]


@dataclass(frozen=True, slots=True)
class PersonChoice:
    """One teacher who can be invited, and what is in their way at the chosen time."""

    teacher: Teacher
    ticked: bool
    clash: str | None


@dataclass(frozen=True, slots=True)
class GroupChoice:
    """A subject group that can be invited whole. `value` names it in the form."""

    value: str
    subject: str
    teachers: tuple[str, ...]
    ticked: bool


@dataclass(frozen=True, slots=True)
class InviteSchool:
    """The teachers of one school and its subject groups."""

    school: School
    groups: tuple[GroupChoice, ...]
    people: tuple[PersonChoice, ...]
    chosen: int


async def blank(request: web.Request) -> web.StreamResponse:
    """An empty form; a teacher leads what they plan."""
    frame = Frame.of(request)
    _require_teacher(frame)
    form = Form.filled(
        date=(parse_day(request.query.get("date", "")) or frame.today).isoformat(),
        teacher=frame.user.teacher or "",
        key=secrets.token_hex(16),
    )
    return await _page(frame, form, None)


async def create(request: web.Request) -> web.StreamResponse:
    """Plan the session, or show the form again; with `check`, only what is in the way."""
    frame = Frame.of(request)
    _require_teacher(frame)
    form = await posted(request)
    asked = await _read(frame, form)
    if asked is None:
        return await _page(frame, form, None, status=422)
    try:
        if form.text("check"):
            return await _clashes(frame, form, asked, None)
        made = await frame.services.research.plan(
            asked.new, asked.agenda, asked.materials, actor=frame.user.login, key=once(frame, form)
        )
    except ClashError:
        return await _clashes(frame, form, asked, None)
    except ProblemError as problem:
        _blame(frame, form, problem)
        return await _page(frame, form, None, status=422)
    return see_other(f"/research/{made.id}", done="session")


async def filled(request: web.Request) -> web.StreamResponse:
    """The form with the session as it is."""
    frame = Frame.of(request)
    session = await session_of(request)
    require_planner(frame.user, session)
    o, zone = session.occurrence, frame.services.zone
    form = Form.filled(
        title=o.title,
        subject=o.subject,
        teacher=o.host.teacher,
        classroom=o.host.classroom,
        date=o.date.isoformat(),
        starts=o.starts_at.astimezone(zone).strftime("%H:%M"),
        ends=o.ends_at.astimezone(zone).strftime("%H:%M"),
        invited=list(o.participants),
        agenda=session.agenda,
        materials=materials_text(session.materials),
        seen=session.seen,
        key=secrets.token_hex(16),
    )
    return await _page(frame, form, session)


async def change(request: web.Request) -> web.StreamResponse:
    """Make the session another one; of one that has begun the papers alone."""
    frame = Frame.of(request)
    form = await posted(request)
    session = await session_of(request)
    require_planner(frame.user, session)
    papers_only = begun(session, frame.now)
    asked = None if papers_only else await _read(frame, form)
    papers = _papers(frame, form)
    if papers is None or (asked is None and not papers_only):
        return await _page(frame, form, session, status=422)
    service, actor, key = frame.services.research, frame.user.login, once(frame, form)
    seen = form.text("seen")
    try:
        if asked is None:
            await service.write_papers(session, *papers, seen=seen, actor=actor, key=key)
        elif form.text("check"):
            return await _clashes(frame, form, asked, session)
        else:
            await service.change(
                session, asked.new, *papers, reason=form.text("reason"), seen=seen, actor=actor,
                key=key,
            )  # fmt: skip
    except ClashError:
        assert asked is not None, "papers book nothing"
        return await _clashes(frame, form, asked, session)
    except ProblemError as problem:
        _blame(frame, form, problem)
        return await _page(frame, form, session, status=409)
    return see_other(f"/research/{session.id}", done="session-changed")


# ---------------------------------------------------------------------------- reading the form


def _require_teacher(frame: Frame) -> None:
    if not may_plan(frame.user):
        raise ProblemError(
            "no_teacher",
            "您的账号没有对应名册中的教师，不能安排教研。请管理员在「用户」里选好对应教师。",
            "Your account is no teacher of the roster's, so it cannot plan a session. Ask an"
            " administrator to choose the teacher under People.",
            value=frame.user.login,
        )


async def _read(frame: Frame, form: Form) -> Asked | None:
    for name, words in (("title", frame.t("请填写主题。")), ("subject", frame.t("请填写学科。"))):
        if not form.text(name):
            form.wrong(name, words)
    teacher = TeacherId(form.text("teacher"))
    if frame.user.role is not Role.ADMIN:
        teacher = frame.user.teacher or teacher
    if teacher not in frame.roster.teachers:
        form.wrong("teacher", frame.t("请选择主持人。"))
    if ClassroomId(form.text("classroom")) not in frame.roster.classrooms:
        form.wrong("classroom", frame.t("请选择会场教室。"))
    day = parse_day(form.text("date"))
    if day is None:
        form.wrong(
            "date",
            frame.t("「%(value)s」不是日期；请写成 2026-11-23 的样子。", value=form.text("date")),
        )
    starts, ends = parse_clock(form.text("starts")), parse_clock(form.text("ends"))
    for name, value in (("starts", starts), ("ends", ends)):
        if value is None:
            form.wrong(
                name, frame.t("「%(value)s」不是时刻；请写成 16:15 的样子。", value=form.text(name))
            )
    if starts is not None and ends is not None and ends <= starts:
        form.wrong("ends", frame.t("结束要晚于 %(time)s 开始。", time=form.text("starts")))
    papers = _papers(frame, form)
    invited = await _invited(frame, form, day or frame.today)
    if not form.ok or day is None or starts is None or ends is None or papers is None:
        return None
    zone = frame.services.zone
    return Asked(
        NewSession(
            title=form.text("title"),
            subject=form.text("subject"),
            teacher=teacher,
            classroom=ClassroomId(form.text("classroom")),
            starts_at=datetime.combine(day, starts, zone),
            ends_at=datetime.combine(day, ends, zone),
            invited=invited,
        ),
        *papers,
    )


def _papers(frame: Frame, form: Form) -> tuple[str, tuple[Material, ...]] | None:
    try:
        return agenda_of(form.get("agenda")), materials_of(form.get("materials"))
    except ProblemError as problem:
        _blame(frame, form, problem)
        return None


async def _invited(frame: Frame, form: Form, day: date) -> tuple[TeacherId, ...]:
    """Everybody ticked, alone or with a whole subject group, in the order of the page.

    The groups stay ticked as the people they are, so that one of them can be left out.
    """
    wanted = set(form.all("invited"))
    if form.all("groups"):
        for group in await frame.services.research.groups(day):
            if form.has("groups", _name(group)):
                wanted.update(group.teachers)
    form.values = {**form.values, "invited": sorted(wanted), "groups": []}
    ordered = by_school((t for t in frame.roster.teachers if t in wanted), frame.roster)
    return (
        *(t for people in ordered.values() for t in people),
        *(TeacherId(t) for t in sorted(wanted) if t not in frame.roster.teachers),
    )


def _name(group: SubjectGroup) -> str:
    return f"{group.school}/{group.subject}"


def _blame(frame: Frame, form: Form, problem: ProblemError) -> None:
    """Say what is wrong next to its field, or at the page's message place."""
    name = _FIELDS.get((problem.field or "").split(".")[0], "form")
    form.wrong(name, frame.say(problem))


# ---------------------------------------------------------------------------- what is in the way


async def _clashes(frame: Frame, form: Form, asked: Asked, session: Session | None) -> web.Response:
    """The form with what is in the way said where it was chosen; nothing was stored."""
    found = await _in_the_way(frame, form, asked, session)
    return await _page(frame, form, session, found, status=200 if form.ok else 409)


async def _in_the_way(
    frame: Frame, form: Form, asked: Asked, session: Session | None
) -> Mapping[str, str]:
    """One sentence per person who is booked already, by id; the room's stands at its field."""
    found = await frame.services.research.in_the_way(asked.new, session)
    by_person: dict[str, list[InTheWay]] = defaultdict(list)
    for one in found:
        by_person[one.clash.resource].append(one)
        if one.clash.kind is ResourceKind.CLASSROOM:
            form.wrong("classroom", _sentence(frame, one))
        elif one.clash.resource == asked.new.teacher:
            form.wrong("teacher", _sentence(frame, one))
    people = {
        who: "；".join(_sentence(frame, one) for one in their)
        for who, their in by_person.items()
        if their[0].clash.kind is ResourceKind.TEACHER
    }
    taken = [who for who in people if who != asked.new.teacher]
    if taken:
        form.wrong(
            "invited",
            frame.t(
                "%(n)s 位受邀教师这个时间有课，见下面的标记；去掉他们，或换个时间。", n=len(taken)
            ),
        )
    return people


def _sentence(frame: Frame, one: InTheWay) -> str:
    o = one.lesson
    span = frame.format.span(o.starts_at, o.ends_at)
    if o.mode is Mode.RESEARCH:
        return frame.t("%(span)s 已有教研「%(title)s」", span=span, title=o.title)
    teacher = frame.roster.teachers.get(o.host.teacher)
    return frame.t(
        "%(span)s 已有课：%(subject)s（%(teacher)s）",
        span=span, subject=o.subject, teacher=teacher.name if teacher else o.host.teacher,
    )  # fmt: skip


# ---------------------------------------------------------------------------- showing the form


async def _page(
    frame: Frame,
    form: Form,
    session: Session | None,
    clashes: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> web.Response:
    roster = frame.roster
    day = parse_day(form.text("date")) or frame.today
    hosts = [s for s in roster.schools.values() if s.role is SchoolRole.HOST]
    leads = frame.user.role is not Role.ADMIN
    schools = await _schools(frame, form, day, clashes or {})
    own = roster.teachers.get(frame.user.teacher) if leads and frame.user.teacher else None
    shown = [s for s in hosts if own is None or s.id == own.school]
    return frame.render(
        "research_form.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        session=session,
        papers_only=session is not None and begun(session, frame.now),
        action=f"/research/{session.id}/edit" if session else "/research/new",
        back=f"/research/{session.id}" if session else "/research",
        leader=own,
        teachers=[
            (s.name, [(str(t.id), t.name) for t in roster.teachers.values() if t.school == s.id])
            for s in shown
        ],
        classrooms=[
            (
                s.name,
                [
                    (str(c.id), f"{c.name} · {s.name}")
                    for c in roster.classrooms.values()
                    if c.school == s.id and in_use(c, day)
                ],
            )
            for s in shown
        ],
        subjects=SUBJECTS,
        schools=schools,
        chosen=sum(s.chosen for s in schools),
        checked=clashes is not None and form.ok,
        text_max=MAX_TEXT,
        agenda_max=MAX_AGENDA,
        materials_max=MAX_MATERIALS,
        invited_max=MAX_INVITED,
        reason_max=REASON_MAX,
    )


async def _schools(
    frame: Frame, form: Form, day: date, clashes: Mapping[str, str]
) -> Sequence[InviteSchool]:
    roster = frame.roster
    groups = await frame.services.research.groups(day)
    found = []
    for school, teachers in by_school(roster.teachers, roster).items():
        people = tuple(
            PersonChoice(roster.teachers[t], form.has("invited", t), clashes.get(t))
            for t in teachers
        )
        own = tuple(
            GroupChoice(_name(g), g.subject, tuple(g.teachers), form.has("groups", _name(g)))
            for g in groups
            if g.school == school
        )
        chosen = sum(p.ticked for p in people)
        found.append(InviteSchool(roster.schools[school], own, people, chosen))
    return found


ROUTES = (
    PageRoute("research-new", "GET", "/research/new", blank, PLANNERS),
    PageRoute("research-create", "POST", "/research/new", create, PLANNERS),
    PageRoute("research-edit", "GET", "/research/{session}/edit", filled, PLANNERS),
    PageRoute("research-change", "POST", "/research/{session}/edit", change, PLANNERS),
)
