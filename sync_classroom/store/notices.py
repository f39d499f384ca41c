"""What classrooms and teachers were told, and the receipts: each instant is set once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select, update

from ..domain.ids import OccurrenceId
from ..domain.notices import Audience, Notice, NoticeItem, Receipt
from .columns import from_us, to_us
from .plan_tables import notices
from .queries import Queries, rows

# What one addressee may have waiting; the latest count, and the timetable itself has everything.
MAX_PENDING: Final = 20
_MARKS: Final = {"told": ("told_at",), "shown": ("told_at", "shown_at"),
                 "read": ("told_at", "shown_at", "read_at")}  # fmt: skip


class NoticeQueries(Queries):
    """`NoticeStore` of the coordinator's ports."""

    async def pending_notices(
        self, audience: Audience, addressees: Sequence[str], *, now: datetime
    ) -> tuple[Receipt, ...]:
        """What these addressees have not read and still need, oldest first.

        Each has the latest `MAX_PENDING` at most.
        """
        newest_first = func.row_number().over(
            partition_by=notices.c.addressee, order_by=notices.c.seq.desc()
        )
        waiting = (
            select(notices.c.seq, newest_first.label("place"))
            .where(
                notices.c.kind == audience.value,
                notices.c.addressee.in_(addressees),
                notices.c.until > now,
                notices.c.read_at.is_(None),
            )
            .subquery()
        )
        latest = select(waiting.c.seq).where(waiting.c.place <= MAX_PENDING)
        return await self._receipts(
            select(notices).where(notices.c.seq.in_(latest)).order_by(notices.c.seq)
        )

    async def receipts_of(
        self, *, version: int | None = None, act: str = ""
    ) -> tuple[Receipt, ...]:
        """Everybody who was told of a version, or of the act of this name, by kind and id."""
        where: ColumnElement[bool] = notices.c.act == act
        if version is not None:
            where = notices.c.version == version
        statement = select(notices).where(where)
        return await self._receipts(statement.order_by(notices.c.kind, notices.c.addressee))

    async def mark_notices(
        self, ids: Sequence[int], mark: str, *, audience: Audience, addressee: str, at: datetime
    ) -> int:
        """Set when notices of this addressee were told, shown or read (`mark`), where it is not.

        What was read was shown, what was shown was told. Returns how many are the addressee's.
        """
        mine = (
            notices.c.seq.in_(ids),
            notices.c.kind == audience.value,
            notices.c.addressee == addressee,
        )
        async with self._database.write() as connection:
            for column in _MARKS[mark]:
                await connection.execute(
                    update(notices).where(*mine, notices.c[column].is_(None)).values({column: at})
                )
            return len(await rows(connection, select(notices.c.seq).where(*mine)))

    async def _receipts(self, statement: Select[Any]) -> tuple[Receipt, ...]:
        async with self._database.read() as connection:
            return tuple(_receipt(row) for row in await rows(connection, statement))


def item_to_dict(item: NoticeItem) -> dict[str, Any]:
    """A sentence as it is stored."""
    return {
        "kind": item.kind,
        "lesson": item.lesson,
        "starts_at": to_us(item.starts_at),
        "until": to_us(item.until),
        "zh": item.zh,
        "en": item.en,
    }


def _item(stored: dict[str, Any]) -> NoticeItem:
    return NoticeItem(
        stored["kind"],
        OccurrenceId(stored["lesson"]),
        from_us(stored["starts_at"]),
        from_us(stored["until"]),
        stored["zh"],
        stored["en"],
    )


def _receipt(row: Any) -> Receipt:
    items = tuple(_item(i) for i in row._mapping["items"])
    return Receipt(
        id=row.seq,
        act=row.act,
        version=row.version,
        at=row.at,
        notice=Notice(Audience(row.kind), row.addressee, items, row.more),
        told_at=row.told_at,
        shown_at=row.shown_at,
        read_at=row.read_at,
    )
