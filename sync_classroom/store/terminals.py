"""Enrolment codes, each good for one device, and the devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.accounts import EnrolmentCode, Terminal
from ..domain.ids import TerminalId
from .account_tables import enrolment_codes, terminals
from .push_order_tables import push_lines
from .queries import Queries, rows
from .tables import classrooms

# How long a code is kept after it expired, so that "who made a code for this room?" has an answer
# for a while and the table does not grow for ever.
CODES_KEPT: Final = timedelta(days=90)


class TerminalQueries(Queries):
    """`TerminalStore` of the coordinator's ports."""

    async def add_code(self, code: EnrolmentCode) -> None:
        """Store a fresh enrolment code, and forget codes that expired long ago.

        ValueError if the code exists already or its classroom does not.
        """
        try:
            async with self._database.write() as connection:
                too_old = code.created_at - CODES_KEPT
                await connection.execute(
                    delete(enrolment_codes).where(enrolment_codes.c.expires_at < too_old)
                )
                await connection.execute(
                    insert(enrolment_codes).values(
                        code_hash=code.code_hash,
                        classroom=code.classroom,
                        created_by=code.created_by,
                        created_at=code.created_at,
                        expires_at=code.expires_at,
                        used_at=code.used_at,
                    )
                )
        except IntegrityError as error:
            raise ValueError(
                f"the code exists already, or there is no classroom {code.classroom!r}"
            ) from error

    async def redeem_code(
        self, code_hash: bytes, terminal: Terminal, *, now: datetime
    ) -> Terminal | None:
        """Use the code once: store `terminal` in the code's classroom and revoke its former one.

        None if the code is unknown, used or expired. One transaction: of any number of
        simultaneous callers one gets the terminal. ValueError if the terminal's id or token is in
        use already.
        """
        use = (
            update(enrolment_codes)
            .where(
                enrolment_codes.c.code_hash == code_hash,
                enrolment_codes.c.used_at.is_(None),
                enrolment_codes.c.expires_at > now,
            )
            .values(used_at=now)
            .returning(enrolment_codes.c.classroom)
        )
        try:
            async with self._database.write() as connection:
                classroom = (await connection.execute(use)).scalar()
                if classroom is None:
                    return None
                enrolled = replace(terminal, classroom=classroom)
                await _take_over(connection, enrolled, now)
        except IntegrityError as error:
            raise ValueError(f"terminal {terminal.id!r} or its token is in use") from error
        return enrolled

    async def terminal_by_token(self, token_hash: bytes) -> Terminal | None:
        """The terminal that holds this token and is not revoked."""
        statement = select(terminals).where(
            terminals.c.token_hash == token_hash, terminals.c.revoked_at.is_(None)
        )
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return _terminal(found[0]) if found else None

    async def terminals(self) -> Sequence[Terminal]:
        """Every terminal that is not revoked, by classroom id."""
        statement = (
            select(terminals)
            .where(terminals.c.revoked_at.is_(None))
            .order_by(terminals.c.classroom)
        )
        async with self._database.read() as connection:
            return [_terminal(row) for row in await rows(connection, statement)]

    async def touch_terminal(
        self,
        terminal: TerminalId,
        *,
        seen_at: datetime,
        page_version: str | None = None,
        selfcheck: Mapping[str, Any] | None = None,
    ) -> None:
        """Remember when it was last seen and, if given, its version and self-check.

        A terminal that was revoked meanwhile, or is unknown, is passed over.
        """
        values: dict[str, Any] = {"last_seen_at": seen_at}
        if page_version is not None:
            values["page_version"] = page_version
        if selfcheck is not None:
            values |= {"selfcheck": dict(selfcheck), "selfcheck_at": seen_at}
        async with self._database.write() as connection:
            await connection.execute(
                update(terminals)
                .where(terminals.c.id == terminal, terminals.c.revoked_at.is_(None))
                .values(**values)
            )

    async def revoke_terminal(self, terminal: TerminalId, *, now: datetime) -> bool:
        """Withdraw a device's token; False if there was nothing to withdraw."""
        async with self._database.write() as connection:
            revoked = await connection.execute(
                update(terminals)
                .where(terminals.c.id == terminal, terminals.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            if revoked.rowcount:
                room = select(terminals.c.classroom).where(terminals.c.id == terminal)
                await _forget_address(connection, room.scalar_subquery())
            return revoked.rowcount == 1


async def _take_over(connection: AsyncConnection, terminal: Terminal, now: datetime) -> None:
    """Revoke the classroom's terminal and store the new one."""
    # Two codes of one classroom may be used at the same moment: the second waits here and then
    # sees, and revokes, the first one's terminal.
    room = select(classrooms.c.id).filter_by(id=terminal.classroom)
    await rows(connection, room.with_for_update(key_share=True))
    revoked = await connection.execute(
        update(terminals)
        .where(terminals.c.classroom == terminal.classroom, terminals.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if revoked.rowcount:
        await _forget_address(connection, literal(terminal.classroom))
    await connection.execute(insert(terminals).values(**_row(terminal)))


async def _forget_address(connection: AsyncConnection, room: ColumnElement[str]) -> None:
    """A device that was taken away knew by what address its school's cache fetches."""
    school = select(classrooms.c.school).where(classrooms.c.id == room).scalar_subquery()
    await connection.execute(
        update(push_lines).where(push_lines.c.school == school).values(token=None)
    )


def _row(terminal: Terminal) -> dict[str, Any]:
    return {
        "id": terminal.id,
        "classroom": terminal.classroom,
        "token_hash": terminal.token_hash,
        "enrolled_at": terminal.enrolled_at,
        "label": terminal.label,
        "revoked_at": terminal.revoked_at,
        "last_seen_at": terminal.last_seen_at,
        "page_version": terminal.page_version,
        "selfcheck": None if terminal.selfcheck is None else dict(terminal.selfcheck),
        "selfcheck_at": terminal.selfcheck_at,
    }


def _terminal(row: Any) -> Terminal:
    return Terminal(**row._mapping)
