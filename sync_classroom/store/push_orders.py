"""Push orders: stored once for a key, sent once, cancelled once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, insert, select, update

from ..domain.ids import ClassroomId, PushId, ResourceId
from ..domain.make_up import Switch
from ..domain.push_copies import Copy, CopyState, Failure
from ..domain.push_orders import REMIND_AGAIN, Cancellation, PushOrder, Reminder, Withdrawal
from ..domain.targeting import rule_of
from ..domain.timetable import Push, PushTarget
from .library import ADDING
from .library_tables import resources
from .plan_tables import push_targets, pushes
from .push_order_tables import (
    not_over,
    push_copies,
    push_orders,
    push_reminders,
    push_switches,
    push_withdrawals,
)
from .pushes import push_row, target_rows
from .queries import Queries, in_chunks, rows

# A constant of our own: whoever sends or cancels an order holds it.
_SENDING: Final = 0x5C_1A55_0031


class PushOrderQueries(Queries):
    """`PushOrderStore` of the coordinator's ports."""

    async def add_order(self, order: PushOrder, *, key: str) -> PushOrder:
        """Store an order; that with the same key, if there is one.

        KeyError if its resource is not there, or deleted.
        """
        async with self._database.write() as connection:
            await self._alone(connection, ADDING)  # its resource is not deleted meanwhile
            found = await rows(connection, select(push_orders).where(push_orders.c.key == key))
            if not found:
                alive = select(resources.c.id).where(
                    resources.c.id == order.resource, resources.c.deleted_at.is_(None)
                )
                if not await rows(connection, alive):
                    raise KeyError(order.resource)
                await connection.execute(insert(push_orders).values(**_row(order), key=key))
                return order
        return _order(found[0], ())

    async def orders(
        self, *, limit: int, resource: ResourceId | None = None
    ) -> Sequence[PushOrder]:
        """The latest orders, newest first; those of one resource."""
        statement = select(push_orders).order_by(push_orders.c.at.desc(), push_orders.c.id.desc())
        if resource is not None:
            statement = statement.where(push_orders.c.resource == resource)
        return await self._orders(statement.limit(limit))

    async def push_order(self, ident: PushId) -> PushOrder | None:
        """One order, or None."""
        found = await self._orders(select(push_orders).where(push_orders.c.id == ident))
        return found[0] if found else None

    async def order_by_key(self, key: str) -> PushOrder | None:
        """The order that was given with this key, or None."""
        found = await self._orders(select(push_orders).where(push_orders.c.key == key))
        return found[0] if found else None

    async def orders_for(
        self, classroom: ClassroomId, now: datetime, *, limit: int
    ) -> Sequence[PushOrder]:
        """The latest orders that were sent to a classroom and are not over, newest first."""
        of_room = select(push_targets.c.push).where(push_targets.c.classroom == classroom)
        open_now = and_(push_orders.c.sent_at.is_not(None), not_over(now))
        return await self._orders(
            select(push_orders)
            .where(push_orders.c.id.in_(of_room), open_now)
            .order_by(push_orders.c.sent_at.desc(), push_orders.c.id.desc())
            .limit(limit)
        )

    async def orders_by_id(self, idents: Collection[PushId]) -> Sequence[PushOrder]:
        """These orders, as far as there are any."""
        found: list[PushOrder] = []
        for chunk in in_chunks(sorted(set(idents))):
            found += await self._orders(select(push_orders).where(push_orders.c.id.in_(chunk)))
        return found

    async def put_copies(self, copies: Sequence[Copy]) -> None:
        """Remember what terminals said last; of a target the latest word stays."""
        if not copies:
            return
        statement = self._insert(push_copies)
        new = statement.excluded
        fresh = {c.name: new[c.name] for c in push_copies.c if not c.primary_key}
        async with self._database.write() as connection:
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["push", "target"], set_=fresh, where=push_copies.c.at <= new.at
                ),
                [asdict(copy) for copy in copies],
            )

    async def copies_of(self, order: PushId) -> Sequence[Copy]:
        """What the terminals of an order's targets said last."""
        async with self._database.read() as connection:
            found = await rows(connection, select(push_copies).where(push_copies.c.push == order))
        return [
            Copy(
                row.push, row.target, CopyState(row.state), row.bytes,
                None if row.failure is None else Failure(row.failure), row.watched_s, row.at,
            )
            for row in found
        ]  # fmt: skip

    async def due_orders(self, now: datetime, *, limit: int) -> Sequence[PushOrder]:
        """Orders that are to be sent by now and were not, by time."""
        unsent = and_(push_orders.c.sent_at.is_(None), push_orders.c.send_at <= now, not_over(now))
        return await self._orders(
            select(push_orders).where(unsent).order_by(push_orders.c.send_at).limit(limit)
        )

    async def send_order(self, push: Push) -> bool:
        """Make an order a push, with its targets; False if it was sent or cancelled already."""
        async with self._database.write() as connection:
            await self._alone(connection, _SENDING)
            done = await connection.execute(
                update(push_orders)
                .where(
                    push_orders.c.id == push.id,
                    push_orders.c.sent_at.is_(None),
                    push_orders.c.cancelled_at.is_(None),
                )
                .values(sent_at=push.ordered_at)
            )
            if not done.rowcount:
                return False
            await connection.execute(insert(pushes).values(**push_row(push, f"order-{push.id}")))
            await connection.execute(insert(push_targets), target_rows(push))
            return True

    async def cancel_order(self, ident: PushId, cancellation: Cancellation) -> bool:
        """Remember that an order was cancelled; False if it was already."""
        async with self._database.write() as connection:
            await self._alone(connection, _SENDING)
            done = await connection.execute(
                update(push_orders)
                .where(push_orders.c.id == ident, push_orders.c.cancelled_at.is_(None))
                .values(
                    cancelled_at=cancellation.at,
                    cancelled_by=cancellation.by,
                    cancel_reason=cancellation.reason,
                )
            )
            return done.rowcount > 0

    async def withdraw_targets(self, order: PushId, withdrawals: Sequence[Withdrawal]) -> int:
        """Take targets out of a sent order, each once; how many were not before."""
        if not withdrawals:
            return 0
        add = self._insert(push_withdrawals).on_conflict_do_nothing()
        async with self._database.write() as connection:
            await self._alone(connection, _SENDING)
            before = await rows(connection, _withdrawn([order]))
            await connection.execute(add, [{"push": order, **asdict(w)} for w in withdrawals])
            return len(await rows(connection, _withdrawn([order]))) - len(before)

    async def automatic_orders(
        self, since: datetime, now: datetime, *, limit: int
    ) -> Sequence[PushOrder]:
        """The latest orders that the server gave itself and sent after `since`, not over now."""
        o = push_orders.c
        return await self._orders(
            select(push_orders)
            .where(o.automatic, o.at >= since, o.sent_at.is_not(None), not_over(now))
            .order_by(o.at.desc(), o.id)
            .limit(limit)
        )

    async def add_reminder(self, order: PushId, reminder: Reminder) -> Reminder | None:
        """Remember that targets were reminded; None if done, else who did it too lately."""
        recent = (
            select(push_reminders)
            .where(
                push_reminders.c.push == order,
                push_reminders.c.at > reminder.at - REMIND_AGAIN,
            )
            .order_by(push_reminders.c.at.desc())
        )
        async with self._database.write() as connection:
            await self._alone(connection, _SENDING)
            found = await rows(connection, recent.limit(1))
            if found:
                return Reminder(found[0].at, found[0].by)
            await connection.execute(
                insert(push_reminders).values(push=order, at=reminder.at, by=reminder.by)
            )
        return None

    async def reminders_of(self, orders: Collection[PushId]) -> Mapping[PushId, Sequence[Reminder]]:
        """When targets of these orders were reminded, the latest first."""
        found: dict[PushId, list[Reminder]] = {}
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(set(orders))):
                statement = (
                    select(push_reminders)
                    .where(push_reminders.c.push.in_(chunk))
                    .order_by(push_reminders.c.at.desc())
                )
                for row in await rows(connection, statement):
                    found.setdefault(row.push, []).append(Reminder(row.at, row.by))
        return found

    async def push_switch(self) -> Switch | None:
        """How automatic pushes were switched last; None: never."""
        latest = select(push_switches).order_by(push_switches.c.number.desc()).limit(1)
        async with self._database.read() as connection:
            found = await rows(connection, latest)
        return Switch(found[0].on, found[0].at, found[0].by, found[0].reason) if found else None

    async def add_push_switch(self, switch: Switch) -> None:
        """Remember that automatic pushes were switched on or off."""
        async with self._database.write() as connection:
            await connection.execute(insert(push_switches).values(**asdict(switch)))

    async def _orders(self, statement: Select[Any]) -> list[PushOrder]:
        withdrawn: dict[PushId, list[Withdrawal]] = {}
        async with self._database.read() as connection:
            found = await rows(connection, statement)
            for chunk in in_chunks([row.id for row in found]):
                for each in await rows(connection, _withdrawn(chunk)):
                    taken = Withdrawal(each.target, each.at, each.by, each.reason)
                    withdrawn.setdefault(each.push, []).append(taken)
        return [_order(row, tuple(withdrawn.get(row.id, ()))) for row in found]


def _withdrawn(orders: Sequence[str]) -> Select[Any]:
    w = push_withdrawals
    return select(w).where(w.c.push.in_(orders)).order_by(w.c.push, w.c.target)


def _row(order: PushOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "resource": order.resource,
        "version": order.version,
        "rule": order.rule.to_dict(),
        "targets": [
            [t.id, t.school, t.classroom, t.school_class, t.teacher] for t in order.targets
        ],
        "reason": order.reason,
        "by": order.by,
        "automatic": order.automatic,
        "at": order.at,
        "send_at": order.send_at,
        "expires_at": order.expires_at,
    }


def _order(row: Any, withdrawn: tuple[Withdrawal, ...]) -> PushOrder:
    cancelled = None
    if row.cancelled_at is not None:
        cancelled = Cancellation(row.cancelled_at, row.cancelled_by, row.cancel_reason)
    return PushOrder(
        row.id, row.resource, row.version, rule_of(row.rule),
        tuple(PushTarget(*target) for target in row.targets), row.reason, row.by, row.at,
        row.send_at, row.expires_at, row.sent_at, cancelled, row.automatic, withdrawn,
    )  # fmt: skip
