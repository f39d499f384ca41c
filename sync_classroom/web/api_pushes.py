"""API: push orders, given and followed."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from ..coordinator.pushes import Wish
from ..domain.ids import ClassId, ClassroomId, OccurrenceId, SchoolId, TeacherId
from ..domain.library import MAX_GRADE
from ..domain.push_orders import MAX_REASON, Progress, PushOrder
from ..domain.targeting import Rule
from .fields import Id, Instant, Line
from .routes import ApiRoute, Call, In, Out

MAX_CHOSEN: Final = 500


class PushOrderIn(In):
    """A resource, whom it goes to and why. What is asked for of targets narrows them together.

    `send_at` absent: at once; `expires_at` absent: never. `lesson`: seats that missed or partly
    received it.
    """

    resource: Id
    reason: str = Field(max_length=MAX_REASON)
    send_at: Instant | None = None
    expires_at: Instant | None = None
    schools: list[Id] = Field(default_factory=list, max_length=MAX_CHOSEN)
    grades: list[Annotated[int, Field(ge=1, le=MAX_GRADE)]] = Field(
        default_factory=list, max_length=MAX_GRADE
    )
    subjects: list[Line] = Field(default_factory=list, max_length=MAX_CHOSEN)
    classrooms: list[Id] = Field(default_factory=list, max_length=MAX_CHOSEN)
    classes: list[Id] = Field(default_factory=list, max_length=MAX_CHOSEN)
    teachers: list[Id] = Field(default_factory=list, max_length=MAX_CHOSEN)
    lesson: Id | None = None


class PushOrderOut(Out):
    """An order, and for how many of its targets each step was taken.

    `withdrawn`: of how many late evidence showed that they need it no more.
    """

    id: str
    resource: str
    version: int
    reason: str
    by: str
    state: str
    at: Instant
    send_at: Instant
    sent_at: Instant | None
    expires_at: Instant | None
    targets: int
    withdrawn: int
    delivered: int
    opened: int
    completed: int


async def give(call: Call[PushOrderIn, None]) -> PushOrderOut:
    """Give an order, once for an idempotency key."""
    body = call.body
    rule = Rule(
        schools=frozenset(map(SchoolId, body.schools)),
        grades=frozenset(body.grades),
        subjects=frozenset(body.subjects),
        classrooms=frozenset(map(ClassroomId, body.classrooms)),
        classes=frozenset(map(ClassId, body.classes)),
        teachers=frozenset(map(TeacherId, body.teachers)),
        lesson=None if body.lesson is None else OccurrenceId(body.lesson),
    )
    wish = Wish(body.resource, rule, body.reason, body.send_at, body.expires_at)
    return await _out(call, await call.services.pushes.order(wish, user=call.user, key=call.key))


async def read(call: Call[None, None]) -> PushOrderOut:
    """One order."""
    return await _out(call, await call.services.pushes.one(call.path("push")))


async def _out(call: Call[PushOrderIn, None] | Call[None, None], order: PushOrder) -> PushOrderOut:
    found = await call.services.pushes.progress([order])
    steps = [found.get((order.id, t.id), Progress()) for t in order.targets]
    return PushOrderOut(
        id=order.id, resource=order.resource, version=order.version, reason=order.reason,
        by=order.by, state=order.state(call.services.clock()).value, at=order.at,
        send_at=order.send_at, sent_at=order.sent_at, expires_at=order.expires_at,
        targets=len(order.targets), withdrawn=len(order.withdrawn),
        delivered=sum(s.delivered_at is not None for s in steps),
        opened=sum(s.opened_at is not None for s in steps),
        completed=sum(s.completed_at is not None for s in steps),
    )  # fmt: skip


ROUTES: Final = (
    ApiRoute(
        "api.pushes.order", "POST", "/api/pushes", give, "Push a resource to whom a rule finds",
        body=PushOrderIn, answer=PushOrderOut, status=201, problems=(404, 409, 422),
        idempotent=True,
    ),
    ApiRoute("api.pushes.read", "GET", "/api/pushes/{push}", read, "A push order",
             answer=PushOrderOut, problems=(404,)),
)  # fmt: skip
