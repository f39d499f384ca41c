"""Telling classrooms and teachers what changed in the plan, and keeping who has seen it.

A notice waits in the store until somebody there has read it or the last lesson it names is over, so
a terminal that was off hears of it when it comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ..domain.ids import ClassroomId, TeacherId
from ..domain.notices import Audience, Receipt
from .plan_ports import NoticeStore
from .ports import Bus
from .services import Clock

CHANNEL: Final = "notices"


class NoticeService:
    """What is still to be told, and the receipts."""

    def __init__(self, store: NoticeStore, bus: Bus, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    async def for_classrooms(
        self, rooms: Iterable[ClassroomId]
    ) -> Mapping[ClassroomId, tuple[Receipt, ...]]:
        """What the terminals of these rooms have not had read yet, oldest first."""
        found: dict[ClassroomId, list[Receipt]] = {}
        for receipt in await self._pending(Audience.CLASSROOM, sorted(rooms)):
            found.setdefault(ClassroomId(receipt.notice.addressee), []).append(receipt)
        return {room: tuple(receipts) for room, receipts in found.items()}

    async def for_teacher(self, teacher: TeacherId) -> tuple[Receipt, ...]:
        """What a teacher has not read yet, oldest first; from now on it counts as shown."""
        pending = await self._pending(Audience.TEACHER, [teacher])
        unseen = [r for r in pending if r.shown_at is None]
        await self._mark(unseen, "shown", Audience.TEACHER, teacher)
        return tuple(pending)

    async def told(self, room: ClassroomId, receipts: Sequence[Receipt]) -> None:
        """The room's terminal was given these."""
        fresh = [r for r in receipts if r.told_at is None]
        await self._mark(fresh, "told", Audience.CLASSROOM, room)

    async def noticed(self, audience: Audience, addressee: str, notice: int, *, read: bool) -> bool:
        """A notice was shown, or read, there; False if there is none such for this addressee."""
        mark = "read" if read else "shown"
        count = await self._store.mark_notices(
            [notice], mark, audience=audience, addressee=addressee, at=self._clock()
        )
        if count:
            await self._bus.publish(CHANNEL, {"type": "receipt"})
        return count > 0

    async def _pending(self, audience: Audience, addressees: Sequence[str]) -> list[Receipt]:
        if not addressees:
            return []
        now = self._clock()
        found = await self._store.pending_notices(audience, addressees, now=now)
        return [still_needed(r, now) for r in found]

    async def _mark(
        self, receipts: Sequence[Receipt], mark: str, audience: Audience, addressee: str
    ) -> None:
        if receipts:
            await self._store.mark_notices(
                [r.id for r in receipts], mark, audience=audience, addressee=addressee,
                at=self._clock(),
            )  # fmt: skip
            await self._bus.publish(CHANNEL, {"type": "receipt"})


def still_needed(receipt: Receipt, now: datetime) -> Receipt:
    """The notice without the sentences about lessons that are over."""
    items = tuple(i for i in receipt.notice.items if i.until > now)
    return replace(receipt, notice=replace(receipt.notice, items=items))


def notice_message(receipt: Receipt) -> dict[str, Any]:
    """What a terminal is sent; see docs/terminal-protocol.md."""
    notice = receipt.notice
    return {
        "type": "notice",
        "id": receipt.id,
        "at": receipt.at.isoformat(),
        "until": notice.until.isoformat(),
        "items": [
            {"kind": i.kind, "lesson": i.lesson, "zh": i.zh, "en": i.en,
             "until": i.until.isoformat()}
            for i in notice.items
        ],
        "more": notice.more,
    }  # fmt: skip
