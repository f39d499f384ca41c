"""Push orders: whom a rule finds, orders given once, sent when they are due, taken back.

An order is a wish until it is sent; then it is a push, which is never changed and counts in the
figures. Any coordinator sends what is due: the store lets each order be sent once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from ..domain.accounts import Role, User
from ..domain.facts import PushStep
from ..domain.ids import OccurrenceId, PushId, ResourceId, TargetId
from ..domain.library import Resource, Version
from ..domain.problems import ProblemError, ProblemKind
from ..domain.push_copies import Copy
from ..domain.push_orders import (
    Cancellation,
    Progress,
    PushOrder,
    Reminder,
    Withdrawal,
    check_may_cancel,
    check_may_remind,
    check_reason,
    check_times,
    progress_of,
    reminded_lately,
    step_fact,
)
from ..domain.targeting import Rule, check_targets, targets_of
from ..domain.timetable import Occurrence, Push, PushTarget
from .evidence import EvidenceService
from .evidence_ports import FactStore, PushStore
from .hub import TerminalHub
from .library_ports import LibraryStore
from .plan_ports import TimetableStore
from .push_ports import PushOrderStore
from .roster import RosterService
from .services import Clock

log = structlog.get_logger(__name__)

#: How soon an order is sent that was given for later.
LOOK_S: Final = 5.0
AT_ONCE: Final = 50
MAX_LISTED: Final = 500


class ServiceStore(PushOrderStore, PushStore, FactStore, LibraryStore, TimetableStore, Protocol):
    """Orders, pushes, facts, resources and the plan."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for. `send_at` None: now; `expires_at` None: never."""

    resource: str
    rule: Rule
    reason: str
    send_at: datetime | None = None
    expires_at: datetime | None = None


class PushService:
    """`run` is a task."""

    def __init__(
        self,
        store: ServiceStore,
        evidence: EvidenceService,
        roster: RosterService,
        hub: TerminalHub,
        *,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._evidence = evidence
        self._roster = roster
        self._hub = hub
        self._clock = clock
        self._zone = zone

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            await self.send_due()
            await asyncio.sleep(LOOK_S)

    async def send_due(self) -> int:
        """Send every order that is due now; how many."""
        sent = 0
        for order in await self._store.due_orders(self._clock(), limit=AT_ONCE):
            sent += await self._send(order)
        return sent

    # ------------------------------------------------------------------ asking

    async def targets(self, rule: Rule) -> tuple[PushTarget, ...]:
        """Everyone a rule finds now."""
        today = self._clock().astimezone(self._zone).date()
        lessons = await self._lessons(rule)
        states = {}
        if rule.lesson is not None:
            states = await self._evidence.seat_states(
                [lesson for lesson in lessons if lesson.id == rule.lesson]
            )
        return targets_of(rule, self._roster.current(), lessons, on=today, states=states)

    async def order(self, wish: Wish, *, user: User, key: str) -> PushOrder:
        """Give an order, once for a key, and send it unless it is for later.

        ProblemError for nobody to push to, no reason, times out of order, or a resource that is
        not there.
        """
        known = await self._store.order_by_key(key)
        if known is not None:
            return await self._sent_if_due(known)
        now = self._clock()
        reason = check_reason(wish.reason)
        send_at = now if wish.send_at is None else max(now, wish.send_at)
        check_times(send_at, wish.expires_at, now)
        resource = await self._resource(wish.resource)
        targets = await self.targets(wish.rule)
        check_targets(wish.rule, targets)
        order = PushOrder(
            _fresh(), resource.id, resource.latest.no, wish.rule, targets, reason, user.login, now,
            send_at, wish.expires_at,
        )  # fmt: skip
        return await self._give(order, key)

    async def give(
        self,
        resource: Resource,
        rule: Rule,
        targets: tuple[PushTarget, ...],
        reason: str,
        *,
        by: str,
        key: str,
        life: timedelta,
    ) -> PushOrder:
        """Give an order of the server's own accord and send it, once for a key; it expires after
        `life`."""
        now = self._clock()
        order = PushOrder(
            _fresh(), resource.id, resource.latest.no, rule, targets, reason, by, now, now,
            now + life, automatic=True,
        )  # fmt: skip
        return await self._give(order, key)

    async def _give(self, order: PushOrder, key: str) -> PushOrder:
        try:
            order = await self._store.add_order(order, key=key)
        except KeyError as error:
            raise _no_resource(order.resource) from error
        log.info("push.ordered", push=order.id, targets=len(order.targets), by=order.by)
        return await self._sent_if_due(order)

    async def cancel(self, ident: str, reason: str, *, user: User) -> None:
        """Take an order back: not sent, it never is; sent, no terminal offers it any more.

        ProblemError for one that is over, or of another teacher.
        """
        order, now = await self.one(ident), self._clock()
        _check_may_change(user, order)
        check_may_cancel(order, now)
        cancellation = Cancellation(now, user.login, check_reason(reason))
        if not await self._store.cancel_order(order.id, cancellation):
            check_may_cancel(await self.one(ident), now)
        await self._tell(order)
        log.info("push.cancelled", push=ident, by=user.login)

    async def withdraw(
        self, order: PushOrder, targets: Collection[TargetId], reason: str, *, by: str
    ) -> int:
        """Of the server's own accord take targets out of a sent order, and cancel it with the last
        of them; how many."""
        now = self._clock()
        withdrawals = [Withdrawal(target, now, by, reason) for target in targets]
        taken = await self._store.withdraw_targets(order.id, withdrawals)
        if taken:
            log.info("push.withdrawn", push=order.id, targets=taken, by=by)
            if len((await self.one(order.id)).withdrawn) == len(order.targets):
                await self._store.cancel_order(order.id, Cancellation(now, by, reason))
            await self._tell(order)
        return taken

    async def remind(self, ident: str, *, user: User) -> int:
        """Remind the targets that have not opened an order; how many.

        ProblemError for one that is not open or of another teacher, where everybody has opened it,
        and within an hour of the last time.
        """
        order, now = await self.one(ident), self._clock()
        _check_may_change(user, order)
        waiting = len(self.waiting(order, await self.progress([order])))
        check_may_remind(order, waiting, now)
        last = await self._store.add_reminder(order.id, Reminder(now, user.login))
        if last is not None:
            raise reminded_lately(last)
        await self._tell(order)
        log.info("push.reminded", push=ident, targets=waiting, by=user.login)
        return waiting

    # ------------------------------------------------------------------ reading

    def waiting(
        self, order: PushOrder, progress: Mapping[tuple[PushId, TargetId], Progress]
    ) -> Sequence[TargetId]:
        """The targets that have not opened it, without those it was withdrawn from."""
        left = (t for t in order.targets if order.withdrawal_of(t.id) is None)
        known = ((t.id, progress.get((order.id, t.id))) for t in left)
        return [ident for ident, p in known if p is None or p.opened_at is None]

    async def reminders(self, orders: Sequence[PushOrder]) -> Mapping[PushId, Sequence[Reminder]]:
        """When the targets of these orders were reminded, the latest first."""
        return await self._store.reminders_of([o.id for o in orders])

    async def copies(self, order: PushOrder) -> Mapping[TargetId, Copy]:
        """What the terminals of an order's targets said last of their copies."""
        return {copy.target: copy for copy in await self._store.copies_of(order.id)}

    async def orders(self) -> Sequence[PushOrder]:
        """The latest, newest first."""
        return await self._store.orders(limit=MAX_LISTED)

    async def one(self, ident: str) -> PushOrder:
        """One order; ProblemError `push_unknown`."""
        found = await self._store.push_order(PushId(ident))
        if found is None:
            raise ProblemError(
                "push_unknown",
                "没有这个推送单，请回到推送页查看。",
                "There is no such order; look at the list of pushes.",
                kind=ProblemKind.NOT_FOUND,
                value=ident,
            )
        return found

    async def progress(
        self, orders: Sequence[PushOrder]
    ) -> Mapping[tuple[PushId, TargetId], Progress]:
        """How far every target of these orders got; without those that did not begin."""
        return progress_of(await self._store.push_facts([o.id for o in orders]))

    async def resources_of(self, orders: Sequence[PushOrder]) -> Mapping[str, Resource]:
        """The resources of these orders."""
        found = await self._store.resources_by_id({o.resource for o in orders})
        return {r.id: r for r in found}

    # ------------------------------------------------------------------ receiving

    def may_receive(self, user: User, order: PushOrder, target: str) -> bool:
        """Whether a person shows a push at this target: a teacher of its school, or its teacher."""
        found = _target(order, target)
        if found.teacher is not None:
            return user.teacher == found.teacher
        return user.role is Role.TEACHER and user.school == found.school

    async def receive(
        self, ident: str, target: str, step: PushStep, *, user: User
    ) -> tuple[PushOrder, Version]:
        """A person opens or completes a push at a target: its facts are written, each once.

        Opening says that it was delivered, too. ProblemError for an order that is not sent or over,
        or a target of another school.
        """
        order = await self.one(ident)
        place, now = _target(order, target), self._clock()
        if not self.may_receive(user, order, target):
            raise ProblemError(
                "push_not_yours",
                "只有接收学校的教师可以打开给自己学校的推送。",
                "Only teachers of the receiving school open what was pushed to it.",
                kind=ProblemKind.FORBIDDEN,
                value=target,
            )
        if not order.is_open_for(place.id, now):
            raise ProblemError(
                "push_not_open",
                "这个推送还没有发出，或已取消、撤回、到期，不能打开。",
                "This push was not sent yet, was cancelled or withdrawn, or has expired.",
                kind=ProblemKind.CONFLICT,
                value=order.state(now).value,
            )
        steps = list(PushStep)[: list(PushStep).index(step) + 1]
        facts = [step_fact(order.id, place.id, each, now) for each in steps]
        await self._store.append_facts(facts, received_at=now)
        resource = (await self.resources_of([order]))[order.resource]
        return order, next(v for v in resource.versions if v.no == order.version)

    async def inbox(self, user: User) -> Sequence[tuple[PushOrder, str]]:
        """What a teacher may open: sent orders with a target of the school, or for the teacher."""
        now = self._clock()
        return [
            (order, target.id)
            for order in await self.orders()
            for target in order.targets
            if order.is_open_for(target.id, now) and self.may_receive(user, order, target.id)
        ]

    # ------------------------------------------------------------------ parts

    async def _sent_if_due(self, order: PushOrder) -> PushOrder:
        """The order, which is sent first if nobody has; whoever asks twice is answered alike."""
        if order.is_due(self._clock()):
            await self._send(order)
        return await self.one(order.id)

    async def _send(self, order: PushOrder) -> bool:
        resource = (await self.resources_of([order]))[order.resource]
        details = resource.details
        push = Push(
            order.id, order.resource, details.subject, order.reason, self._clock(), details.grade,
            order.targets,
        )  # fmt: skip
        sent = await self._store.send_order(push)
        if sent:
            await self._tell(order)
            log.info("push.sent", push=order.id, targets=len(order.targets))
        return sent

    async def _tell(self, order: PushOrder) -> None:
        """Let the terminals of an order ask what there is; whom this misses asks by itself."""
        for room in {t.classroom for t in order.targets if t.classroom is not None}:
            await self._hub.tell(room, {"type": "pushes"})

    async def _resource(self, ident: str) -> Resource:
        found = await self._store.resources_by_id([ResourceId(ident)])
        if not found or found[0].deleted is not None:
            raise _no_resource(ident)
        return found[0]

    async def _lessons(self, rule: Rule) -> Sequence[Occurrence]:
        """The lessons a rule looks at: its own, or those of the present term."""
        if rule.lesson is not None:
            found = await self._store.get_occurrence(OccurrenceId(rule.lesson))
            return [] if found is None else [found]
        if not (rule.grades or rule.subjects or rule.classes):
            return []
        today = self._clock().astimezone(self._zone).date()
        terms = self._roster.current().terms.values()
        term = next((t for t in terms if t.first_day <= today <= t.last_day), None)
        if term is None:
            return []
        return await self._store.occurrences_on(term.first_day, term.last_day)


def may_change(user: User, order: PushOrder) -> bool:
    """Who cancels and reminds: administrators every order, teachers what they gave."""
    return user.role is Role.ADMIN or (user.login == order.by and not order.automatic)


def _check_may_change(user: User, order: PushOrder) -> None:
    if not may_change(user, order):
        raise ProblemError(
            "push_forbidden",
            "只有管理员和下单的教师可以取消这个推送或提醒对方。",
            "Only administrators and the teacher who gave this order cancel it or remind of it.",
            kind=ProblemKind.FORBIDDEN,
            value=order.id,
        )


def _fresh() -> PushId:
    return PushId(f"p-{secrets.token_hex(8)}")


def _target(order: PushOrder, ident: str) -> PushTarget:
    found = next((t for t in order.targets if t.id == ident), None)
    if found is None:
        raise ProblemError(
            "push_target_unknown",
            "这个推送单里没有这个对象，请回到推送页查看。",
            "This order has no such target; look at the list of pushes.",
            kind=ProblemKind.NOT_FOUND,
            value=ident,
        )
    return found


def _no_resource(ident: str) -> ProblemError:
    return ProblemError(
        "resource_unknown",
        "请选择一个资源；选的这个不在资源库里，或已被删除。",
        "Choose a resource; this one is not in the library, or was deleted.",
        field="resource",
        value=ident,
    )
