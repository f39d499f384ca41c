"""Meetings while they go on: the stage by version, who is there, guests let in once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, update

from ..domain.ids import OccurrenceId
from ..domain.lesson import LessonState
from ..domain.meeting import Guest, Place, Presence, Stage
from .columns import from_us, to_us
from .meeting_tables import meeting_guests, meeting_presence, meeting_stages
from .queries import Queries, rows
from .tables import runs

# A constant of our own: whoever counts people or links to add one holds it.
PRESENCE_LOCK: Final = 0x5C_1A55_0031
_UNFINISHED: Final = (LessonState.OPEN.value, LessonState.LIVE.value)


class MeetingQueries(Queries):
    """`MeetingStore` of the coordinator's ports."""

    async def stage_of(self, occurrence: OccurrenceId) -> Stage | None:
        """The stage of a meeting; None while nobody was in it."""
        statement = select(meeting_stages).where(meeting_stages.c.occurrence == occurrence)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return _stage(found[0]) if found else None

    async def open_stages(self) -> Sequence[Stage]:
        """The stages of meetings that are open or live, by occurrence."""
        statement = (
            select(meeting_stages)
            .join(runs, runs.c.occurrence == meeting_stages.c.occurrence)
            .where(runs.c.state.in_(_UNFINISHED))
            .order_by(meeting_stages.c.occurrence)
        )
        async with self._database.read() as connection:
            return [_stage(row) for row in await rows(connection, statement)]

    async def save_stage(self, stage: Stage) -> Stage | None:
        """Store the stage if the stored version equals `stage.version` (0: none is stored yet).

        Returns it with the next version, None if another writer was first.
        """
        values = {
            "version": stage.version + 1,
            "places": [p and [p.peer, to_us(p.at)] for p in stage.places],
            "screen": stage.screen,
            "speaker": stage.speaker,
        }
        t = meeting_stages.c
        async with self._database.write() as connection:
            if stage.version:
                statement: Any = (
                    update(meeting_stages)
                    .where(t.occurrence == stage.occurrence, t.version == stage.version)
                    .values(**values)
                )
            else:
                statement = (
                    self._insert(meeting_stages)
                    .values(occurrence=stage.occurrence, **values)
                    .on_conflict_do_nothing(index_elements=["occurrence"])
                )
            if (await connection.execute(statement)).rowcount != 1:
                return None
        return replace(stage, version=stage.version + 1)

    async def claim_presence(
        self, wanted: Presence, *, gone_before: datetime, anyway: bool, most: int
    ) -> Presence | None:
        """A person comes into a meeting with a page.

        Returns None if they now are, or where they are already: with another page, seen since
        `gone_before`. `anyway` takes it from another page of the same meeting. With `most` others
        in the meeting, the answer is a presence of nobody (`peer` empty).
        """
        t = meeting_presence.c
        async with self._database.write() as connection:
            await self._alone(connection, PRESENCE_LOCK)
            found = await rows(connection, select(meeting_presence).where(t.peer == wanted.peer))
            known = _presence(found[0]) if found else None
            if known is not None and known.seen_at >= gone_before:
                same = known.occurrence == wanted.occurrence
                if not (same and (anyway or known.client == wanted.client)):
                    return known
            others = (
                select(func.count())
                .select_from(meeting_presence)
                .where(
                    t.occurrence == wanted.occurrence,
                    t.seen_at >= gone_before,
                    t.peer != wanted.peer,
                )
            )
            if (await connection.scalar(others) or 0) >= most:
                return replace(wanted, peer="")
            row = {name: getattr(wanted, name) for name in Presence.__slots__}
            statement = self._insert(meeting_presence).values(**row)
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["peer"],
                    set_={n: statement.excluded[n] for n in row if n != "peer"},
                )
            )
        return None

    async def see_presence(self, wanted: Presence) -> bool:
        """Note that a person is still there; False if not, or with another page."""
        t = meeting_presence.c
        statement = (
            update(meeting_presence)
            .where(
                t.peer == wanted.peer,
                t.occurrence == wanted.occurrence,
                t.client == wanted.client,
            )
            .values(seen_at=wanted.seen_at)
        )
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def presence_of(self, peer: str) -> Presence | None:
        """Where a person is or was last."""
        statement = select(meeting_presence).where(meeting_presence.c.peer == peer)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return _presence(found[0]) if found else None

    async def present_in(self, occurrence: OccurrenceId, since: datetime) -> Sequence[Presence]:
        """Who was seen in a meeting since then, by when they came."""
        t = meeting_presence.c
        statement = (
            select(meeting_presence)
            .where(t.occurrence == occurrence, t.seen_at >= since)
            .order_by(t.joined_at, t.peer)
        )
        async with self._database.read() as connection:
            return [_presence(row) for row in await rows(connection, statement)]

    async def end_presence(self, peer: str, client: str) -> None:
        """A person left with this page."""
        t = meeting_presence.c
        async with self._database.write() as connection:
            await connection.execute(
                delete(meeting_presence).where(t.peer == peer, t.client == client)
            )

    async def add_guest(self, guest: Guest, link_hash: bytes, *, most: int) -> bool:
        """Store a fresh link; False if the session has `most` already."""
        t = meeting_guests.c
        async with self._database.write() as connection:
            await self._alone(connection, PRESENCE_LOCK)
            count = (
                select(func.count()).select_from(meeting_guests).where(t.session == guest.session)
            )
            if (await connection.scalar(count) or 0) >= most:
                return False
            values = {name: getattr(guest, name) for name in Guest.__slots__}
            await connection.execute(
                self._insert(meeting_guests).values(link_hash=link_hash, **values)
            )
        return True

    async def redeem_guest(
        self, link_hash: bytes, *, name: str, pass_hash: bytes, at: datetime
    ) -> Guest | None:
        """Use a link once; None if it is unknown or was used."""
        t = meeting_guests.c
        async with self._database.write() as connection:
            statement = (
                update(meeting_guests)
                .where(t.link_hash == link_hash, t.used_at.is_(None))
                .values(used_at=at, name=name, pass_hash=pass_hash)
            )
            if (await connection.execute(statement)).rowcount != 1:
                return None
            found = await rows(connection, select(meeting_guests).where(t.link_hash == link_hash))
        return _guest(found[0])

    async def guest_by_link(self, link_hash: bytes) -> Guest | None:
        """Whose link this is, used or not."""
        return await self._guest_where(meeting_guests.c.link_hash == link_hash)

    async def guest_by_pass(self, pass_hash: bytes) -> Guest | None:
        """Who holds this pass."""
        return await self._guest_where(meeting_guests.c.pass_hash == pass_hash)

    async def guests_of(self, session: OccurrenceId) -> Sequence[Guest]:
        """Every guest and link of a session, oldest first."""
        t = meeting_guests.c
        statement = select(meeting_guests).where(t.session == session).order_by(t.made_at, t.id)
        async with self._database.read() as connection:
            return [_guest(row) for row in await rows(connection, statement)]

    async def _guest_where(self, where: Any) -> Guest | None:
        async with self._database.read() as connection:
            found = await rows(connection, select(meeting_guests).where(where))
        return _guest(found[0]) if found else None


def _stage(row: Any) -> Stage:
    return Stage(
        occurrence=row.occurrence,
        places=tuple(p and Place(p[0], from_us(p[1])) for p in row.places),
        screen=row.screen,
        speaker=row.speaker,
        version=row.version,
    )


def _presence(row: Any) -> Presence:
    return Presence(row.peer, row.occurrence, row.client, row.joined_at, row.seen_at)


def _guest(row: Any) -> Guest:
    return Guest(
        id=row.id,
        session=row.session,
        label=row.label,
        made_by=row.made_by,
        made_at=row.made_at,
        used_at=row.used_at,
        name=row.name,
    )
