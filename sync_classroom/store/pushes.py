"""Push orders (精准帮扶推送): given once, never changed; how far they got is facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import case, func, insert, select

from ..domain.facts import Fact, PushStep
from ..domain.ids import PushId, SchoolId
from ..domain.modes import PushReach
from ..domain.timetable import Push, PushTarget
from .facts import SELECT_FACTS, decode_fact
from .plan_tables import push_targets, pushes
from .push_order_tables import push_withdrawals
from .queries import Queries, in_chunks, rows
from .tables import facts

_W: Final = push_withdrawals
_OF_TARGET: Final = (_W.c.push == push_targets.c.push) & (_W.c.target == push_targets.c.id)


class PushQueries(Queries):
    """`PushStore` of the coordinator's ports."""

    async def add_pushes(self, orders: Sequence[Push], *, key: str) -> int:
        """Store new orders, all or none; how many were stored, 0 if the `key` was used before."""
        if not orders:
            return 0
        keys = [key if len(orders) == 1 else f"{key}#{o.id}" for o in orders]
        async with self._database.write() as connection:
            known = select(pushes.c.id).where(pushes.c.key == keys[0])
            if await rows(connection, known):
                return 0
            await connection.execute(
                insert(pushes), [push_row(o, own) for o, own in zip(orders, keys, strict=True)]
            )
            targets = [row for o in orders for row in target_rows(o)]
            if targets:
                await connection.execute(insert(push_targets), targets)
        return len(orders)

    async def pushes_between(self, from_at: datetime, to_at: datetime) -> Sequence[Push]:
        """Orders given in `[from_at, to_at)` with their targets, by instant then id."""
        wanted = (pushes.c.ordered_at >= from_at, pushes.c.ordered_at < to_at)
        statement = select(pushes).where(*wanted).order_by(pushes.c.ordered_at, pushes.c.id)
        of_them = (
            select(push_targets, _W.c.at)
            .select_from(push_targets.outerjoin(_W, _OF_TARGET))
            .where(push_targets.c.push.in_(select(pushes.c.id).where(*wanted)))
            .order_by(push_targets.c.push, push_targets.c.position)
        )
        async with self._database.read() as connection:
            found = await rows(connection, statement)
            targets: dict[str, list[PushTarget]] = defaultdict(list)
            for row in await rows(connection, of_them):
                targets[row.push].append(_target(row))
        return [_push(row, targets[row.id]) for row in found]

    async def push_reach(self, from_at: datetime, to_at: datetime) -> Mapping[SchoolId, PushReach]:
        """How far the orders given in `[from_at, to_at)` got, by the schools of their targets."""
        given = select(pushes.c.id).where(
            pushes.c.ordered_at >= from_at, pushes.c.ordered_at < to_at
        )
        f, t = facts.c, push_targets.c
        steps = [
            func.max(case((f.kind == step.value, 1), else_=0)).label(step.name) for step in PushStep
        ]
        taken = (
            select(f.push, f.target, *steps)
            .where(f.push.in_(given))
            .group_by(f.push, f.target)
            .subquery()
        )
        statement = (
            select(
                t.school,
                # Owed, as `domain.modes.is_owed` says.
                func.sum(case((_W.c.push.is_(None), 1), (taken.c.push.is_not(None), 1), else_=0)),
                *(func.coalesce(func.sum(taken.c[step.name]), 0) for step in PushStep),
            )
            .select_from(
                push_targets.outerjoin(
                    taken, (taken.c.push == t.push) & (taken.c.target == t.id)
                ).outerjoin(_W, _OF_TARGET)
            )
            .where(t.push.in_(given))
            .group_by(t.school)
            .order_by(t.school)
        )
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return {row[0]: PushReach._make(row[1:]) for row in found}

    async def push_facts(self, orders: Sequence[PushId]) -> Sequence[Fact]:
        """Every fact about these orders, by order, time and id."""
        found: list[Fact] = []
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(set(orders))):
                statement = SELECT_FACTS.where(facts.c.push.in_(chunk)).order_by(
                    facts.c.push, facts.c.from_at, facts.c.id
                )
                found += map(decode_fact, await rows(connection, statement))
        return found


def push_row(order: Push, key: str) -> dict[str, Any]:
    """A push as a row of `pushes`."""
    return {
        "id": order.id,
        "key": key,
        "resource": order.resource,
        "subject": order.subject,
        "grade": order.grade,
        "reason": order.reason,
        "ordered_at": order.ordered_at,
    }


def target_rows(order: Push) -> list[dict[str, Any]]:
    """Everyone a push goes to as rows of `push_targets`."""
    return [
        {
            "push": order.id,
            "id": target.id,
            "position": position,
            "school": target.school,
            "classroom": target.classroom,
            "class": target.school_class,
            "teacher": target.teacher,
        }
        for position, target in enumerate(order.targets)
    ]


def _push(row: Any, targets: Sequence[PushTarget]) -> Push:
    return Push(
        id=row.id,
        resource=row.resource,
        subject=row.subject,
        reason=row.reason,
        ordered_at=row.ordered_at,
        grade=row.grade,
        targets=tuple(targets),
    )


def _target(row: Any) -> PushTarget:
    _push, ident, _position, school, classroom, school_class, teacher, withdrawn_at = row
    return PushTarget(ident, school, classroom, school_class, teacher, withdrawn_at)
