"""The scheduler's lease: one row, judged by the database's clock alone.

Coordinators' clocks may differ by minutes; the database has one clock. A leader that was stopped
for longer than its lease (a suspended machine) is told apart by the epoch, which counts how often
the holder changed.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import case, literal_column, or_, select, update

from ..domain.accounts import Lease
from .columns import EPOCH, Instant
from .queries import Queries
from .tables import leases

_NAME: Final = "scheduler"


class LeaseQueries(Queries):
    """`LeaseStore` of the coordinator's ports."""

    async def hold_lease(self, holder: str, *, for_s: float) -> Lease:
        """Take or renew the lease if it is free, expired or ours; return the lease in force.

        The caller leads if, and only if, the returned lease names it.
        """
        now = self._now_us()
        until = literal_column(f"{now} + {round(for_s * 1_000_000)}", Instant)
        taken = self._insert(leases).values(name=_NAME, holder=holder, epoch=1, expires_at=until)
        same = leases.c.holder == taken.excluded.holder
        take = taken.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "holder": taken.excluded.holder,
                "epoch": leases.c.epoch + case((same, 0), else_=1),
                "expires_at": until,
            },
            where=or_(same, leases.c.expires_at <= literal_column(now, Instant)),
        )
        async with self._database.write() as connection:
            await connection.execute(take)
            row = (await connection.execute(select(leases).filter_by(name=_NAME))).one()
        return Lease(holder=row.holder, epoch=row.epoch, expires_at=row.expires_at)

    async def release_lease(self, holder: str) -> None:
        """Give the lease up if it is ours."""
        async with self._database.write() as connection:
            await connection.execute(
                update(leases)
                .where(leases.c.name == _NAME, leases.c.holder == holder)
                .values(expires_at=EPOCH)
            )
