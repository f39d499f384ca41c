"""One push order: what it says, how far every target got, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from ...coordinator.pushes import may_change
from ...domain.problems import ProblemError, ProblemKind
from ...domain.push_copies import Copy, CopyState, Failure
from ...domain.push_orders import MAX_REASON, OrderState, PushOrder
from ..i18n import mark
from ..problems import STATUS_OF
from .forms import Form
from .frame import Frame, posted, see_other
from .library import names_of
from .pushes import HOME, order_row, row_of, version_of
from .route import AUTHORS, LIBRARY, PageRoute
from .words import Word

_OPEN: Final = (OrderState.SCHEDULED, OrderState.SENT)


COPY_WORDS: Final = {
    CopyState.FETCHING: Word("waiting", mark("下载中")),
    CopyState.KEPT: Word("held", mark("已下载")),
    CopyState.EVICTED: Word("ended", mark("已腾出空间")),
    CopyState.FAILED: Word("missed", mark("没有下载成")),
}
FAILURE_WORDS: Final = {
    Failure.TOO_LARGE: Word("missed", mark("超过终端空间")),
    Failure.HASH: Word("missed", mark("内容校验不符")),
    Failure.DISK: Word("missed", mark("终端磁盘已满")),
}
#: What the server gives as its own reasons, which `domain.make_up` has in Chinese.
OWN_REASONS: Final = (
    mark("缺课补推：没开成或只收到一部分"),
    mark("后来的记录表明：这间教室已开成这节课，不用补看"),
)
_WITHDRAWN: Final = Word("cancelled", mark("已撤回"))
_NO_COPY: Final = Word("waiting", mark("未下载"))


@dataclass(frozen=True, slots=True)
class CopyLine:
    """What a target's terminal has."""

    word: Word
    more: str


@dataclass(frozen=True, slots=True)
class SchoolLine:
    """What went over a school's line: bytes, and how often the whole file would be that."""

    school: str
    has_cache: bool
    cached: int
    single: int
    times: str


async def one(request: web.Request) -> web.StreamResponse:
    """One order with every target."""
    return await _one(Frame.of(request), Form())


async def cancel(request: web.Request) -> web.StreamResponse:
    """Take an order back."""
    frame = Frame.of(request)
    form = await posted(request)
    ident = request.match_info["push"]
    try:
        await frame.services.pushes.cancel(ident, form.text("reason"), user=frame.user)
    except ProblemError as problem:
        if problem.kind is ProblemKind.NOT_FOUND:
            raise
        form.wrong(problem.field or "form", frame.say(problem))
        return await _one(frame, form, status=STATUS_OF[problem.kind])
    return see_other(f"{HOME}/{ident}", done="push-cancelled")


async def remind(request: web.Request) -> web.StreamResponse:
    """Remind those who have not opened it."""
    frame = Frame.of(request)
    form = await posted(request)
    ident = request.match_info["push"]
    try:
        await frame.services.pushes.remind(ident, user=frame.user)
    except ProblemError as problem:
        if problem.kind is ProblemKind.NOT_FOUND:
            raise
        form.wrong("form", frame.say(problem))
        return await _one(frame, form, status=STATUS_OF[problem.kind])
    return see_other(f"{HOME}/{ident}", done="push-reminded")


async def _one(frame: Frame, form: Form, *, status: int = 200) -> web.Response:
    service = frame.services.pushes
    order = await service.one(frame.request.match_info["push"])
    resource = (await service.resources_of([order]))[order.resource]
    progress = await service.progress([order])
    names = await names_of(frame)
    state = order.state(frame.now)
    copies = await service.copies(order)
    reminders = (await service.reminders([order])).get(order.id, ())
    may = may_change(frame.user, order)
    waiting = service.waiting(order, progress)
    version = version_of(resource, order)
    return frame.render(
        "push.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        row=order_row(frame, order, resource, names, progress),
        resource=resource,
        version=version,
        targets=[row_of(frame, t, progress, order.id) for t in order.targets],
        playable={
            t.id
            for t in order.targets
            if order.is_open_for(t.id, frame.now) and service.may_receive(frame.user, order, t.id)
        },
        cancelled_by=names.get(order.cancelled.by, order.cancelled.by) if order.cancelled else "",
        may_cancel=may and state in _OPEN,
        copies={
            t.id: _copy_line(frame, copies.get(t.id), version.bytes)
            for t in order.targets
            if t.classroom is not None
        },
        lines=await _lines(frame, order, version.bytes),
        withdrawn={w.target: w for w in order.withdrawn},
        withdrawn_word=_WITHDRAWN,
        waiting=len(waiting) if state is OrderState.SENT else 0,
        may_remind=may and state is OrderState.SENT and bool(waiting),
        reminders=[(r.at, names.get(r.by, r.by)) for r in reminders],
        reason_max=MAX_REASON,
    )


async def _lines(frame: Frame, order: PushOrder, size: int) -> list[SchoolLine]:
    """What went over the line of every school that anything went to."""
    files, schools = frame.services.push_files, frame.services.roster.current().schools
    return [
        SchoolLine(
            schools[school].name if school in schools else school,
            files.options.lines.of(school).cache != "", cached, single,
            f"{(cached + single) / max(size, 1):.1f}",
        )
        for school, (cached, single) in (await files.carried(order)).items()
    ]  # fmt: skip


def _copy_line(frame: Frame, copy: Copy | None, size: int) -> CopyLine:
    """What a terminal has of it, in a word, with how far it is or how much was watched."""
    if copy is None:
        return CopyLine(_NO_COPY, "")
    word = FAILURE_WORDS[copy.failure] if copy.failure is not None else COPY_WORDS[copy.state]
    more = ""
    if copy.state is CopyState.FETCHING:
        more = f"{100 * copy.bytes // max(size, 1)}%"
    elif copy.watched_s:
        more = frame.t("看了 %(long)s", long=frame.format.duration(copy.watched_s))
    return CopyLine(word, more)


ROUTES = (
    PageRoute("push", "GET", HOME + "/{push}", one, LIBRARY),
    PageRoute("push-cancel", "POST", HOME + "/{push}/cancel", cancel, AUTHORS),
    PageRoute("push-remind", "POST", HOME + "/{push}/remind", remind, AUTHORS),
)
