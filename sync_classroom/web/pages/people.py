"""Accounts: who may sign in and as what."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ...coordinator.accounts import MAX_NAME, MIN_PASSWORD
from ...domain.accounts import Role, User
from ...domain.ids import SchoolId, TeacherId, UserId
from ...domain.problems import ProblemError, ProblemKind
from ..i18n import mark
from ..problems import STATUS_OF
from .forms import Form
from .frame import Frame, posted, see_other
from .route import ADMIN, PageRoute
from .words import ROLE_WORDS

PEOPLE_ROLES: Final = (Role.ADMIN, Role.TEACHER, Role.REVIEWER, Role.OPERATOR)
_VALUES: Final = frozenset(r.value for r in PEOPLE_ROLES)
_FIELDS: Final = frozenset({"login", "name", "role", "password", "language", "school", "teacher"})
_WANTED: Final = (
    ("name", mark("请输入姓名。")),
    ("login", mark("请输入账号。")),
    ("password", mark("请输入密码。")),
)


async def show(request: web.Request) -> web.StreamResponse:
    """All accounts; `?role=` narrows the list."""
    return await _list(Frame.of(request), Form.filled(role=Role.TEACHER.value, language="zh"))


async def add(request: web.Request) -> web.StreamResponse:
    """Make an account."""
    frame = Frame.of(request)
    form = await posted(request)
    role = _role(frame, form)
    # Everything that is missing at once, not one thing after the other.
    for name, text in _WANTED:
        if not form.get(name).strip():
            form.wrong(name, frame.t(text))
    if role is None or not form.ok:
        return await _list(frame, form, status=422)
    try:
        await frame.services.accounts.add_user(
            form.text("login"),
            form.text("name"),
            role,
            form.get("password"),
            language=form.text("language") or "zh",
            school=_school(frame, form),
            teacher=_teacher(frame, form),
        )
    except ProblemError as problem:
        _complain(frame, form, problem)
        return await _list(frame, form, status=STATUS_OF[problem.kind])
    return see_other("/people", done="user-added")


async def edit(request: web.Request) -> web.StreamResponse:
    """One account's form."""
    frame = Frame.of(request)
    user = await _found(frame)
    form = Form.filled(
        name=user.name,
        role=user.role.value,
        language=user.language,
        school=str(user.school or ""),
        teacher=str(user.teacher or ""),
    )
    return _one(frame, user, form)


async def save(request: web.Request) -> web.StreamResponse:
    """Change an account; an empty password leaves it as it is."""
    frame = Frame.of(request)
    user = await _found(frame)
    form = await posted(request)
    role = _role(frame, form)
    if role is None:
        return _one(frame, user, form, status=422)
    try:
        await frame.services.accounts.update_user(
            user.id,
            name=form.text("name"),
            role=role,
            password=form.get("password") or None,
            language=form.text("language") or None,
            school=_school(frame, form),
            teacher=_teacher(frame, form),
        )
    except ProblemError as problem:
        _complain(frame, form, problem)
        return _one(frame, user, form, status=STATUS_OF[problem.kind])
    return see_other("/people", done="user-saved")


async def switch(request: web.Request) -> web.StreamResponse:
    """Close an account, or open it again."""
    frame = Frame.of(request)
    user = await _found(frame)
    form = await posted(request)
    try:
        if form.text("to") == "enabled":
            await frame.services.accounts.enable(user.id)
            return see_other("/people", done="user-enabled")
        await frame.services.accounts.disable(user.id)
    except ProblemError as problem:
        form.wrong("form", frame.say(problem))
        return _one(frame, user, form, status=STATUS_OF[problem.kind])
    return see_other("/people", done="user-disabled")


async def _found(frame: Frame) -> User:
    wanted = UserId(frame.request.match_info["user"])
    for user in await frame.services.accounts.list():
        if user.id == wanted:
            return user
    raise ProblemError(
        "user_unknown",
        "没有这个账号，它可能已被删除。请回到用户列表。",
        "There is no such account; go back to the list of users.",
        kind=ProblemKind.NOT_FOUND,
        value=wanted,
    )


def _role(frame: Frame, form: Form) -> Role | None:
    for role in PEOPLE_ROLES:
        if form.text("role") == role.value:
            return role
    form.wrong("role", frame.t("请选择角色。"))
    return None


def _school(frame: Frame, form: Form) -> SchoolId | None:
    school = SchoolId(form.text("school"))
    return school if school in frame.roster.schools else None


def _teacher(frame: Frame, form: Form) -> TeacherId | None:
    teacher = TeacherId(form.text("teacher"))
    return teacher if teacher in frame.roster.teachers else None


def _complain(frame: Frame, form: Form, problem: ProblemError) -> None:
    form.wrong(problem.field if problem.field in _FIELDS else "form", frame.say(problem))


def _choices(frame: Frame) -> dict[str, object]:
    roster = frame.roster
    by_school = [
        (s.name, [(str(t.id), t.name) for t in roster.teachers.values() if t.school == s.id])
        for s in roster.schools.values()
    ]
    return {
        "roles": [(None, [(r.value, frame.t(ROLE_WORDS[r])) for r in PEOPLE_ROLES])],
        "languages": [(None, [("zh", "中文"), ("en", "English")])],
        "school_options": [(None, [(str(s.id), s.name) for s in roster.schools.values()])],
        "teacher_options": [group for group in by_school if group[1]],
        "name_max": MAX_NAME,
        "password_min": MIN_PASSWORD,
    }


async def _list(frame: Frame, form: Form, *, status: int = 200) -> web.Response:
    users = await frame.services.accounts.list()
    wanted = frame.request.query.get("role", "")
    return frame.render(
        "people.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        users=[u for u in users if wanted not in _VALUES or u.role == wanted],
        filters=[("", frame.t("全部"), frame.link(role=None), wanted not in _VALUES, len(users))]
        + [
            (r.value, frame.t(ROLE_WORDS[r]), frame.link(role=r.value), wanted == r.value,
             sum(u.role is r for u in users))
            for r in PEOPLE_ROLES
        ],
        role_words=ROLE_WORDS,
        roster=frame.roster,
        **_choices(frame),
    )  # fmt: skip


def _one(frame: Frame, user: User, form: Form, *, status: int = 200) -> web.Response:
    return frame.render(
        "person.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        person=user,
        role_words=ROLE_WORDS,
        **_choices(frame),
    )


ROUTES = (
    PageRoute("people", "GET", "/people", show, ADMIN),
    PageRoute("people-add", "POST", "/people", add, ADMIN),
    PageRoute("person", "GET", "/people/{user}", edit, ADMIN),
    PageRoute("person-save", "POST", "/people/{user}", save, ADMIN),
    PageRoute("person-switch", "POST", "/people/{user}/state", switch, ADMIN),
)
