"""The list of single seats: judged ones latest first, those to come at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...domain.crediting import SeatState
from ...domain.ids import ClassroomId, OccurrenceId, SchoolId
from ...domain.measures import Figures
from ...domain.rollup import SeatResult
from ...domain.roster import Roster
from ...domain.timetable import Occurrence
from . import coverage_tables as tables
from .frame import Frame
from .period import Period
from .words import CAUSE_WORDS, SEAT_WORDS, Word

# Seats shown at once; a term has thousands, and nobody reads more on one page.
SEATS_PER_PAGE: Final = 50
STATES: Final = (*SEAT_WORDS, tables.NOT_YET.shape)
STATE_CHOICES: Final = (*SEAT_WORDS.items(), (tables.NOT_YET.shape, tables.NOT_YET))


@dataclass(frozen=True, slots=True)
class SeatRow:
    """One seat of the list, with its lesson."""

    seat: SeatResult
    lesson: Occurrence
    word: Word
    cause: str | None
    room: str
    school: str


@dataclass(frozen=True, slots=True)
class SeatPage:
    """One page of the seats that were asked for; `found` counts all of them."""

    rows: tuple[SeatRow, ...]
    found: int
    page: int
    pages: int
    state: str


async def seat_page(
    frame: Frame,
    period: Period,
    figures: Figures,
    pending: Sequence[SeatResult],
    *,
    school: SchoolId | None = None,
    classroom: ClassroomId | None = None,
) -> SeatPage:
    """The page of `?state=&page=`. `figures` and `pending` are of the seats to choose from."""
    query = frame.request.query
    state = query.get("state", "") if query.get("state", "") in STATES else ""
    judged, later = counted(figures, pending, state)
    found = judged + len(later)
    pages = max(1, -(-found // SEATS_PER_PAGE))
    page = min(max(1, int(query["page"])), pages) if _is_page(query.get("page", "")) else 1
    skip = (page - 1) * SEATS_PER_PAGE
    seats: list[SeatResult] = []
    if skip < judged:
        seats += await frame.services.coverage.seats(
            period.first,
            period.last,
            school=school,
            classroom=classroom,
            state=SeatState(state) if state else None,
            newest=True,
            without={s.occurrence for s in pending},
            skip=skip,
            limit=SEATS_PER_PAGE,
        )
    start = max(0, skip - judged)
    seats += later[start : start + SEATS_PER_PAGE - len(seats)]
    lessons = await frame.services.store.occurrences_of({s.occurrence for s in seats})
    unfinished = {s.occurrence for s in pending}
    rows = seat_rows(seats, lessons, frame.roster, unfinished)
    return SeatPage(rows, found, page, pages, state)


def counted(
    figures: Figures, pending: Sequence[SeatResult], state: str
) -> tuple[int, list[SeatResult]]:
    """How many seats of a state are judged, and which ones to come belong to the list."""
    if state == tables.NOT_YET.shape:
        return 0, list(pending)
    states = [SeatState(state)] if state else list(SeatState)
    judged = sum(int(getattr(figures, f"{s.value}_seats")) for s in states)
    judged -= sum(s.state in states for s in pending)
    return judged, [] if state else list(pending)


def seat_rows(
    seats: Sequence[SeatResult],
    lessons: Mapping[OccurrenceId, Occurrence],
    roster: Roster,
    unfinished: Collection[OccurrenceId],
) -> tuple[SeatRow, ...]:
    """The seats in words; a lesson that is not over has not failed yet."""
    rows: list[SeatRow] = []
    for seat in seats:
        lesson = lessons.get(seat.occurrence)
        if lesson is None:
            continue
        where = roster.classrooms.get(seat.classroom)
        school = roster.schools.get(seat.school)
        waits = seat.pending(unfinished)
        rows.append(
            SeatRow(
                seat,
                lesson,
                tables.NOT_YET if waits else SEAT_WORDS[seat.state.value],
                CAUSE_WORDS[seat.cause.value] if seat.cause and not waits else None,
                where.name if where else seat.classroom,
                school.name if school else seat.school,
            )
        )
    return tuple(rows)


def _is_page(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6
