"""Push orders: the list, a new one with everyone it would go to, one order's targets, receiving.

Whom a rule finds is shown before anything is sent, by name; the order then goes to just those.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from aiohttp import web

from ...coordinator.library import may_add
from ...coordinator.pushes import Wish
from ...domain.accounts import Role
from ...domain.facts import PushStep
from ...domain.ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    PushId,
    SchoolId,
    TargetId,
    TeacherId,
)
from ...domain.library import MAX_GRADE, Resource, Version
from ...domain.make_up import is_on
from ...domain.problems import ProblemError
from ...domain.push_orders import MAX_REASON, OrderState, Progress, PushOrder
from ...domain.roster import Roster, School, SchoolRole
from ...domain.targeting import Rule, check_targets
from ...domain.timetable import PushTarget
from ..formats import Rate, rate
from ..i18n import mark
from ..problems import STATUS_OF
from .forms import Form, parse_count, parse_day
from .frame import Frame, once, posted, see_other
from .library import names_of
from .route import ADMIN, AUTHORS, LIBRARY, PageRoute
from .words import Word

HOME: Final = "/pushes"
STATE_WORDS: Final = {
    OrderState.SCHEDULED: Word("waiting", mark("等待发送")),
    OrderState.SENT: Word("held", mark("已发送")),
    OrderState.EXPIRED: Word("ended", mark("已过期")),
    OrderState.CANCELLED: Word("cancelled", mark("已取消")),
}
_NONE: Final = Progress()
# Longer than any honest choice of one question.
_MAX_CHOSEN: Final = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One order of the list."""

    order: PushOrder
    title: str
    who: str
    word: Word
    opened: Rate
    completed: Rate


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target by its names, and how far it got."""

    target: PushTarget
    school: str
    place: str
    progress: Progress


async def show(request: web.Request) -> web.StreamResponse:
    """The orders, and for a teacher what was pushed to the own school."""
    return await _list(Frame.of(request), Form())


async def automatic(request: web.Request) -> web.StreamResponse:
    """Switch the automatic rule on or off."""
    frame = Frame.of(request)
    form = await posted(request)
    on = form.text("on") == "yes"
    try:
        await frame.services.make_up.turn(on, form.text("reason"), user=frame.user)
    except ProblemError as problem:
        form.wrong(problem.field or "form", frame.say(problem))
        return await _list(frame, form, status=STATUS_OF[problem.kind])
    return see_other(HOME, done="make-up-on" if on else "make-up-off")


async def _list(frame: Frame, form: Form, *, status: int = 200) -> web.Response:
    service = frame.services.pushes
    orders = await service.orders()
    progress = await service.progress(orders)
    resources = await service.resources_of(orders)
    names = await names_of(frame)
    switch = await frame.services.make_up.switch()
    inbox = []
    if frame.user.role is Role.TEACHER:
        inbox = [
            (
                order,
                resources[order.resource],
                row_of(frame, _target(order, target), progress, order.id),
            )
            for order, target in await service.inbox(frame.user)
        ]
    return frame.render(
        "pushes.html",
        status=status,
        problem=form.errors.get("form"),
        rows=[order_row(frame, o, resources[o.resource], names, progress) for o in orders],
        inbox=inbox,
        reminders=await service.reminders([order for order, *_ in inbox]),
        may_push=may_add(frame.user),
        automatic=is_on(switch),
        switch=switch,
        switched_by="" if switch is None else names.get(switch.by, switch.by),
        may_switch=frame.user.role is Role.ADMIN,
        form=form,
        reason_max=MAX_REASON,
    )


async def new(request: web.Request) -> web.StreamResponse:
    """The form; `?resource=` and `?lesson=` fill it in."""
    frame = Frame.of(request)
    form = Form.filled(
        resource=request.query.get("resource", "")[:96],
        lesson=request.query.get("lesson", "")[:96],
        when="now",
        reason=frame.t("缺课补推") if "lesson" in request.query else "",
    )
    return await _form(frame, form)


async def preview(request: web.Request) -> web.StreamResponse:
    """Everyone the form's rule finds, as a part of the page; nothing is stored."""
    frame = Frame.of(request)
    form = await posted(request)
    return await _targets_part(frame, _rule(form))


async def order(request: web.Request) -> web.StreamResponse:
    """Give the order, or show whom it would go to."""
    frame = Frame.of(request)
    form = await posted(request)
    if form.text("what") == "preview":
        return await _form(frame, form)
    wish = _wish(frame, form)
    if not form.ok:
        return await _form(frame, form, status=422)
    try:
        made = await frame.services.pushes.order(wish, user=frame.user, key=once(frame, form))
    except ProblemError as problem:
        form.wrong(problem.field or "form", frame.say(problem))
        return await _form(frame, form, status=STATUS_OF[problem.kind])
    later = made.state(frame.now) is OrderState.SCHEDULED
    return see_other(f"{HOME}/{made.id}", done="push-scheduled" if later else "push-sent")


async def play(request: web.Request) -> web.StreamResponse:
    """What was pushed, for the teacher who shows it in the classroom."""
    frame = Frame.of(request)
    service = frame.services.pushes
    order = await service.one(request.match_info["push"])
    target = _target(order, request.match_info["target"])
    if not service.may_receive(frame.user, order, target.id):
        return see_other(f"{HOME}/{order.id}")
    resource = (await service.resources_of([order]))[order.resource]
    progress = await service.progress([order])
    return frame.render(
        "push_play.html",
        order=order,
        resource=resource,
        version=version_of(resource, order),
        row=row_of(frame, target, progress, order.id),
        open=order.is_open_for(target.id, frame.now),
    )


async def opened(request: web.Request) -> web.StreamResponse:
    """A teacher opens what was pushed: delivered and opened are facts."""
    return await _receive(request, PushStep.OPENED)


async def completed(request: web.Request) -> web.StreamResponse:
    """It was seen to the end."""
    return await _receive(request, PushStep.COMPLETED)


async def _receive(request: web.Request, step: PushStep) -> web.StreamResponse:
    frame = Frame.of(request)
    push, target = request.match_info["push"], request.match_info["target"]
    await frame.services.pushes.receive(push, target, step, user=frame.user)
    done = "push-completed" if step is PushStep.COMPLETED else None
    return see_other(f"{HOME}/{push}/targets/{target}", done=done)


# ---------------------------------------------------------------------------- parts


async def _form(frame: Frame, form: Form, *, status: int = 200) -> web.Response:
    roster, today = frame.roster, frame.today
    remote = [s for s in roster.schools.values() if s.role is SchoolRole.REMOTE]
    rule = _rule(form)
    lesson = None
    if rule.lesson is not None:
        lesson = await frame.services.lessons.view(rule.lesson)
        if lesson is None:
            form.wrong("lesson", frame.t("没有这个课次。"))
    term = next((t for t in roster.terms.values() if t.first_day <= today <= t.last_day), None)
    lessons = (
        []
        if term is None
        else await frame.services.store.occurrences_on(term.first_day, term.last_day)
    )
    resources = await frame.services.library.resources()
    rooms = [
        (s.name, [(r.id, r.name) for r in roster.classrooms.values() if r.school == s.id])
        for s in remote
    ]
    classes = [
        (s.name, [(c.id, c.name) for c in roster.classes.values() if c.school == s.id])
        for s in remote
    ]
    teachers = [
        (s.name, [(t.id, t.name) for t in roster.teachers.values() if t.school == s.id])
        for s in remote
    ]
    targets = await frame.services.pushes.targets(rule)
    return frame.render(
        "push_new.html",
        status=status,
        problem=form.errors.get("form") or form.errors.get("rule"),
        form=form,
        key=form.text("key") or secrets.token_hex(16),
        resources=[(None, [(r.id, r.details.title) for r in resources])],
        any_resource=bool(resources),
        lesson=lesson,
        schools=[(s.id, s.name) for s in remote],
        grades=[(str(n), str(n)) for n in _grades(roster, remote, rule)],
        subjects=[(s, s) for s in sorted({o.subject for o in lessons})],
        more=(("classrooms", frame.t("教室"), rooms), ("classes", frame.t("班级"), classes),
              ("teachers", frame.t("教师本人"), teachers)),
        targets=[row_of(frame, t, {}, None) for t in targets],
        nobody=_nobody(frame, rule, targets),
        untouched=rule == Rule() and form.ok,
        reason_max=MAX_REASON,
    )  # fmt: skip


def _grades(roster: Roster, remote: Sequence[School], rule: Rule) -> Sequence[int]:
    """The grades there are classes of at the remote schools, and what was chosen before."""
    schools = {s.id for s in remote}
    return sorted({c.grade for c in roster.classes.values() if c.school in schools} | rule.grades)


async def _targets_part(frame: Frame, rule: Rule) -> web.Response:
    targets = await frame.services.pushes.targets(rule)
    return frame.render(
        "_push_targets.html",
        targets=[row_of(frame, t, {}, None) for t in targets],
        nobody=_nobody(frame, rule, targets),
        untouched=rule == Rule(),
    )


def _nobody(frame: Frame, rule: Rule, targets: Sequence[PushTarget]) -> str:
    """Why this cannot be sent to these; empty when it can."""
    try:
        check_targets(rule, targets)
    except ProblemError as problem:
        return frame.say(problem)
    return ""


def _rule(form: Form) -> Rule:
    """What the form asks for; what nobody could have chosen is passed over."""

    def chosen(name: str) -> Sequence[str]:
        return [v for v in form.all(name)[:_MAX_CHOSEN] if v]

    grades = (parse_count(v, least=1, most=MAX_GRADE) for v in chosen("grades"))
    return Rule(
        schools=frozenset(map(SchoolId, chosen("schools"))),
        grades=frozenset(g for g in grades if g is not None),
        subjects=frozenset(chosen("subjects")),
        classrooms=frozenset(map(ClassroomId, chosen("classrooms"))),
        classes=frozenset(map(ClassId, chosen("classes"))),
        teachers=frozenset(map(TeacherId, chosen("teachers"))),
        lesson=OccurrenceId(form.text("lesson")) if form.text("lesson") else None,
    )


def _wish(frame: Frame, form: Form) -> Wish:
    """The order as it was filled in; complaints are the form's."""
    send_at = None
    if form.text("when") == "later":
        send_at = _moment(frame, form.text("send_at"))
        if send_at is None:
            form.wrong("send_at", frame.t("请选择发送的日期和时间。"))
        elif send_at <= frame.now:
            form.wrong("send_at", frame.t("发送时间已经过去；请改一个时间，或选择立即发送。"))
    expires_at = None
    if form.text("expires"):
        day = parse_day(form.text("expires"))
        if day is None:
            form.wrong("expires", frame.t("日期要写成 2026-11-23 的样子。"))
        else:
            expires_at = datetime.combine(day, time(23, 59, 59), frame.services.zone)
    if not form.text("resource"):
        form.wrong("resource", frame.t("请选择要推送的资源。"))
    return Wish(form.text("resource"), _rule(form), form.text("reason"), send_at, expires_at)


def _moment(frame: Frame, text: str) -> datetime | None:
    """`2026-11-23T18:00` in the programme's zone."""
    day = parse_day(text[:10])
    try:
        clock = time.fromisoformat(text[11:]) if len(text) in (16, 19) else None
    except ValueError:
        return None
    if day is None or clock is None or clock.tzinfo is not None:
        return None
    return datetime.combine(day, clock, frame.services.zone)


def order_row(
    frame: Frame,
    order: PushOrder,
    resource: Resource,
    names: Mapping[str, str],
    progress: Mapping[tuple[PushId, TargetId], Progress],
) -> Row:
    """An order with its resource's title, its giver's name and how far it got."""
    reached = [progress.get((order.id, t.id), _NONE) for t in order.targets]
    # What was never sent addressed nobody.
    addressed = 0 if order.sent_at is None else sum(map(order.is_owed, order.targets, reached))
    return Row(
        order,
        resource.details.title,
        names.get(order.by, order.by),
        STATE_WORDS[order.state(frame.now)],
        rate(sum(p.opened_at is not None for p in reached), addressed),
        rate(sum(p.completed_at is not None for p in reached), addressed),
    )


def row_of(
    frame: Frame,
    target: PushTarget,
    progress: Mapping[tuple[PushId, TargetId], Progress],
    order: PushId | None,
) -> TargetRow:
    """A target by its names; `order` None: nothing was sent."""
    roster = frame.roster
    school = roster.schools.get(target.school)
    room = roster.classrooms.get(target.classroom) if target.classroom else None
    of_class = roster.classes.get(target.school_class) if target.school_class else None
    teacher = roster.teachers.get(target.teacher) if target.teacher else None
    parts = [thing.name for thing in (room, of_class, teacher) if thing is not None]
    known = _NONE if order is None else progress.get((order, target.id), _NONE)
    return TargetRow(target, school.name if school else target.school, " · ".join(parts), known)


def _target(order: PushOrder, ident: str) -> PushTarget:
    found = next((t for t in order.targets if t.id == ident), None)
    if found is None:
        raise web.HTTPNotFound
    return found


def version_of(resource: Resource, order: PushOrder) -> Version:
    """The version that was ordered."""
    return next(v for v in resource.versions if v.no == order.version)


ROUTES = (
    PageRoute("pushes", "GET", HOME, show, LIBRARY),
    PageRoute("push-automatic", "POST", HOME + "/automatic", automatic, ADMIN),
    PageRoute("push-new", "GET", HOME + "/new", new, AUTHORS),
    PageRoute("push-preview", "POST", HOME + "/preview", preview, AUTHORS),
    PageRoute("push-order", "POST", HOME + "/new", order, AUTHORS),
    PageRoute("push-play", "GET", HOME + "/{push}/targets/{target}", play, LIBRARY),
    PageRoute("push-open", "POST", HOME + "/{push}/targets/{target}/open", opened, AUTHORS),
    PageRoute("push-complete", "POST", HOME + "/{push}/targets/{target}/complete", completed,
              AUTHORS),
)  # fmt: skip
