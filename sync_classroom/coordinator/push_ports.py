"""What push orders, and the lines they go over, need of a store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ..domain.ids import ClassroomId, PushId, ResourceId, SchoolId
from ..domain.make_up import Switch
from ..domain.push_copies import Copy
from ..domain.push_orders import Cancellation, PushOrder, Reminder, Withdrawal
from ..domain.school_lines import Carried
from ..domain.timetable import Push


class PushOrderStore(Protocol):
    """Orders; what was sent of them are pushes, and how far those got is facts."""

    async def add_order(self, order: PushOrder, *, key: str) -> PushOrder:
        """Store an order; that with the same key, if there is one.

        KeyError if its resource is not there, or deleted.
        """
        ...

    async def orders(
        self, *, limit: int, resource: ResourceId | None = None
    ) -> Sequence[PushOrder]:
        """The latest orders, newest first; those of one resource."""
        ...

    async def push_order(self, ident: PushId) -> PushOrder | None:
        """One order, or None."""
        ...

    async def order_by_key(self, key: str) -> PushOrder | None:
        """The order that was given with this key, or None."""
        ...

    async def orders_for(
        self, classroom: ClassroomId, now: datetime, *, limit: int
    ) -> Sequence[PushOrder]:
        """The latest orders that were sent to a classroom and are not over, newest first."""
        ...

    async def orders_by_id(self, idents: Collection[PushId]) -> Sequence[PushOrder]:
        """These orders, as far as there are any."""
        ...

    async def put_copies(self, copies: Sequence[Copy]) -> None:
        """Remember what terminals said last; of a target the latest word stays."""
        ...

    async def copies_of(self, order: PushId) -> Sequence[Copy]:
        """What the terminals of an order's targets said last."""
        ...

    async def due_orders(self, now: datetime, *, limit: int) -> Sequence[PushOrder]:
        """Orders that are to be sent by now and were not, by time."""
        ...

    async def send_order(self, push: Push) -> bool:
        """Make an order a push, with its targets; False if it was sent or cancelled already."""
        ...

    async def cancel_order(self, ident: PushId, cancellation: Cancellation) -> bool:
        """Remember that an order was cancelled; False if it was already."""
        ...

    async def withdraw_targets(self, order: PushId, withdrawals: Sequence[Withdrawal]) -> int:
        """Take targets out of a sent order, each once; how many were not before."""
        ...

    async def automatic_orders(
        self, since: datetime, now: datetime, *, limit: int
    ) -> Sequence[PushOrder]:
        """The latest orders that the server gave itself and sent after `since`, not over now."""
        ...

    async def add_reminder(self, order: PushId, reminder: Reminder) -> Reminder | None:
        """Remember that targets were reminded; None if done, else who did it too lately."""
        ...

    async def reminders_of(self, orders: Collection[PushId]) -> Mapping[PushId, Sequence[Reminder]]:
        """When targets of these orders were reminded, the latest first."""
        ...

    async def push_switch(self) -> Switch | None:
        """How automatic pushes were switched last; None: never."""
        ...

    async def add_push_switch(self, switch: Switch) -> None:
        """Remember that automatic pushes were switched on or off."""
        ...


class PushLineStore(Protocol):
    """Schools' lines, which coordinators share."""

    async def reserve_line(self, school: SchoolId, *, for_s: float) -> float:
        """Grant the next `for_s` seconds of a school's line; in how many seconds they begin."""
        ...

    async def line_token(self, school: SchoolId, fresh: str) -> str:
        """The secret of the address a school's cache fetches by; `fresh` if it has none yet."""
        ...

    async def school_of_line(self, token: str) -> SchoolId | None:
        """Whose cache fetches by this secret."""
        ...

    async def add_carried(self, carried: Sequence[Carried]) -> None:
        """Add to what went over schools' lines."""
        ...

    async def carried_of(self, push: PushId) -> Sequence[Carried]:
        """What went over schools' lines of a push."""
        ...
