"""What rooms wrote to the teacher, kept with the lesson."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from ..domain.ids import ActId, OccurrenceId, SeatId
from ..domain.room_messages import RoomMessage
from .queries import Queries, in_chunks, rows
from .tables import room_messages


class MessageQueries(Queries):
    """The messages of `LessonStore` of the coordinator's ports."""

    async def add_message(self, message: RoomMessage) -> None:
        """Keep a message; one whose id is there already is left as it is.

        Raises KeyError for an unknown occurrence.
        """
        statement = (
            self._insert(room_messages)
            .values(
                occurrence=message.occurrence,
                id=message.id,
                seat=message.seat,
                at=message.at,
                text=message.text,
            )
            .on_conflict_do_nothing(index_elements=["occurrence", "id"])
        )
        try:
            async with self._database.write() as connection:
                await connection.execute(statement)
        except IntegrityError as error:  # the only constraint that is left is the foreign key
            raise KeyError(message.occurrence) from error

    async def messages_of(self, occurrence: OccurrenceId) -> Sequence[RoomMessage]:
        """Every message of a lesson, oldest first."""
        statement = (
            select(room_messages)
            .where(room_messages.c.occurrence == occurrence)
            .order_by(room_messages.c.at, room_messages.c.id)
        )
        async with self._database.read() as connection:
            return [_message(row) for row in await rows(connection, statement)]

    async def latest_messages(
        self, occurrences: Iterable[OccurrenceId], limit: int
    ) -> Mapping[OccurrenceId, Sequence[RoomMessage]]:
        """The last messages of each of these lessons that has any, oldest first."""
        newest = func.row_number().over(
            partition_by=room_messages.c.occurrence,
            order_by=(room_messages.c.at.desc(), room_messages.c.id.desc()),
        )
        found: dict[OccurrenceId, list[RoomMessage]] = {}
        async with self._database.read() as connection:
            for chunk in in_chunks(list(occurrences)):
                counted = (
                    select(room_messages, newest.label("age"))
                    .where(room_messages.c.occurrence.in_(chunk))
                    .subquery()
                )
                statement = (
                    select(counted).where(counted.c.age <= limit).order_by(counted.c.age.desc())
                )
                for row in await rows(connection, statement):
                    found.setdefault(row.occurrence, []).append(_message(row))
        return found


def _message(row: Any) -> RoomMessage:
    return RoomMessage(
        ActId(row.id), OccurrenceId(row.occurrence), SeatId(row.seat), row.at, row.text
    )
