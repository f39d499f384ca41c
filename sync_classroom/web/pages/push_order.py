"""One push order: what it says, how far every target got, and taking it back."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ...coordinator.pushes import may_cancel
from ...domain.problems import ProblemError, ProblemKind
from ...domain.push_orders import MAX_REASON, OrderState
from ..problems import STATUS_OF
from .forms import Form
from .frame import Frame, posted, see_other
from .library import names_of
from .pushes import HOME, order_row, row_of, version_of
from .route import AUTHORS, LIBRARY, PageRoute

_OPEN: Final = (OrderState.SCHEDULED, OrderState.SENT)


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


async def _one(frame: Frame, form: Form, *, status: int = 200) -> web.Response:
    service = frame.services.pushes
    order = await service.one(frame.request.match_info["push"])
    resource = (await service.resources_of([order]))[order.resource]
    progress = await service.progress([order])
    names = await names_of(frame)
    state = order.state(frame.now)
    return frame.render(
        "push.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        row=order_row(frame, order, resource, names, progress),
        resource=resource,
        version=version_of(resource, order),
        targets=[row_of(frame, t, progress, order.id) for t in order.targets],
        playable={
            t.id
            for t in order.targets
            if state is OrderState.SENT and service.may_receive(frame.user, order, t.id)
        },
        cancelled_by=names.get(order.cancelled.by, order.cancelled.by) if order.cancelled else "",
        may_cancel=may_cancel(frame.user, order) and state in _OPEN,
        reason_max=MAX_REASON,
    )


ROUTES = (
    PageRoute("push", "GET", HOME + "/{push}", one, LIBRARY),
    PageRoute("push-cancel", "POST", HOME + "/{push}/cancel", cancel, AUTHORS),
)
