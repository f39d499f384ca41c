"""Schools' lines: whose turn it is to send, the address a cache fetches by, what went over them.

A line's time is given out by the database's clock alone, as the scheduler's lease is: however many
coordinators send, all of them together keep to the line's rate.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, case, literal_column, select, type_coerce

from ..domain.ids import PushId, SchoolId
from ..domain.school_lines import Carried
from .columns import EPOCH, Instant
from .push_order_tables import push_carried, push_lines
from .queries import Queries, rows


class PushLineQueries(Queries):
    """`PushLineStore` of the coordinator's ports."""

    async def reserve_line(self, school: SchoolId, *, for_s: float) -> float:
        """Grant the next `for_s` seconds of a school's line; in how many seconds they begin."""
        length = round(for_s * 1_000_000)
        now = self._now_us()
        begin = literal_column(now, Instant)
        until = literal_column(f"{now} + {length}", Instant)
        add = self._insert(push_lines).values(school=school, free_at=until)
        free = push_lines.c.free_at
        after = type_coerce(type_coerce(free, BigInteger) + length, Instant)
        take = add.on_conflict_do_update(
            index_elements=["school"], set_={"free_at": case((free > begin, after), else_=until)}
        )
        clock = literal_column(now, BigInteger).label("now")
        line = select(type_coerce(free, BigInteger).label("free"), clock).filter_by(school=school)
        async with self._database.write() as connection:
            await connection.execute(take)
            row = (await connection.execute(line)).one()
        return max(0.0, float(row.free - length - row.now) / 1_000_000)

    async def line_token(self, school: SchoolId, fresh: str) -> str:
        """The secret of the address a school's cache fetches by; `fresh` if it has none yet."""
        add = self._insert(push_lines).values(school=school, token=fresh, free_at=EPOCH)
        keep = case((push_lines.c.token.is_(None), add.excluded.token), else_=push_lines.c.token)
        known = select(push_lines.c.token).filter_by(school=school)
        async with self._database.read() as connection:
            found = (await connection.execute(known)).scalar()
        if found is not None:
            return str(found)
        async with self._database.write() as connection:
            await connection.execute(
                add.on_conflict_do_update(index_elements=["school"], set_={"token": keep})
            )
            return str((await connection.execute(known)).scalar_one())

    async def school_of_line(self, token: str) -> SchoolId | None:
        """Whose cache fetches by this secret."""
        async with self._database.read() as connection:
            found = await connection.execute(select(push_lines.c.school).filter_by(token=token))
            school = found.scalar()
        return None if school is None else SchoolId(school)

    async def add_carried(self, carried: Sequence[Carried]) -> None:
        """Add to what went over schools' lines."""
        if not carried:
            return
        statement = self._insert(push_carried)
        more = push_carried.c.bytes + statement.excluded.bytes
        add = statement.on_conflict_do_update(
            index_elements=["push", "school", "cached"], set_={"bytes": more}
        )
        values = [
            {"push": c.push, "school": c.school, "cached": c.cached, "bytes": c.bytes}
            for c in carried
        ]
        async with self._database.write() as connection:
            await connection.execute(add, values)

    async def carried_of(self, push: PushId) -> Sequence[Carried]:
        """What went over schools' lines of a push."""
        of_push = select(push_carried).filter_by(push=push)
        ordered = of_push.order_by(push_carried.c.school, push_carried.c.cached)
        async with self._database.read() as connection:
            found = await rows(connection, ordered)
        return [Carried(row.push, row.school, row.cached, row.bytes) for row in found]
