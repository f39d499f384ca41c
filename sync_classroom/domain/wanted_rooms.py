"""When each classroom is next wanted: an index over lessons, asked for each that runs on."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from .ids import ClassroomId, OccurrenceId
from .timetable import Occurrence


class WantedRooms:
    """The bookings of these occurrences by classroom, as host room or as seat.

    What was withdrawn wants nothing. An occurrence that stands there twice counts once for `next`.
    """

    def __init__(self, occurrences: Iterable[Occurrence] = ()) -> None:
        wanted: dict[ClassroomId, list[tuple[datetime, OccurrenceId]]] = defaultdict(list)
        for occurrence in occurrences:
            if not occurrence.withdrawn:
                booking = (occurrence.starts_at, occurrence.id)
                for room in classrooms_of(occurrence):
                    wanted[room].append(booking)
        for bookings in wanted.values():
            bookings.sort()
        self._wanted = dict(wanted)

    def next(
        self, classroom: ClassroomId, *, after: datetime, besides: OccurrenceId | None = None
    ) -> datetime | None:
        """When the classroom is next wanted at or after `after`; None if it is not.

        `besides` is the occurrence that is asking. This is the `room_free_until` of `lesson.step`
        (with the host's classroom and the planned end) and of `lesson.seat_leaves_at`.
        """
        bookings = self._wanted.get(classroom, [])
        for index in range(bisect_left(bookings, (after, OccurrenceId(""))), len(bookings)):
            starts_at, occurrence = bookings[index]
            if occurrence != besides:
                return starts_at
        return None


def classrooms_of(occurrence: Occurrence) -> frozenset[ClassroomId]:
    """The host's classroom and those of the seats that still take place."""
    return frozenset((occurrence.host.classroom, *(s.classroom for s in occurrence.active_seats)))
