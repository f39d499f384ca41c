"""API: how far the programme reached, in the layout an auditor recomputes."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from ..coordinator.coverage import MAX_DAYS, MAX_SEATS
from ..domain.coverage import CoverageFigures
from ..domain.ids import OccurrenceId, SeatId
from ..domain.rollup import place_of
from .api_lessons import Days, checked_days
from .fields import ID_PATTERN
from .routes import ApiRoute, Call, Out, json_answer


def _place(text: str) -> str:
    date.fromisoformat(text.partition("/")[0])
    return text


_PLACE: Final = rf"^\d{{4}}-\d\d-\d\d/{ID_PATTERN}/{ID_PATTERN}$"
Place = Annotated[str, Field(pattern=_PLACE, max_length=204), AfterValidator(_place)]


class CoverageOut(Out):
    """Every measure over a period, in the layout of `sync-classroom audit --format json`.

    The seats are a list of their own, which is read in parts.
    """

    rules: dict[str, Any]
    period: dict[str, Any]
    totals: dict[str, Any]
    by_school: dict[str, Any]
    by_classroom: dict[str, Any]
    by_subject: dict[str, Any]
    by_teacher: dict[str, Any]
    by_host_school: dict[str, Any]
    by_week: dict[str, Any]
    by_week_school: dict[str, Any]
    causes: dict[str, int]
    mode_matrix: dict[str, Any]


class SeatResultsOf(Days):
    """Civil days; `after` is the `next` of the part before, without it the first part is read."""

    after: Place | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_SEATS)] = MAX_SEATS


class SeatResultOut(Out):
    """What one seat came to; seconds."""

    seat: str
    occurrence: str
    state: str
    credited_s: int
    window_s: int
    host_s: int


class SeatResultsOut(Out):
    """Seats by date, lesson and seat; `next` is null at the end of the list."""

    seats: list[SeatResultOut]
    next: str | None


async def read_coverage(call: Call[None, Days]) -> Any:
    """Coverage of at most three years, from what is kept of the facts; seconds old at most."""
    first, last = checked_days(call.query, MAX_DAYS)
    await call.services.coverage.log_access(call.user.login, "coverage.api", f"{first}…{last}")
    figures = await call.services.coverage.figures(first, last)
    # A province's figures are some megabytes of text.
    return await asyncio.to_thread(_written, figures)


def _written(figures: CoverageFigures) -> Any:
    return json_answer(CoverageOut(**figures.to_dict()))


async def read_seats(call: Call[None, SeatResultsOf]) -> SeatResultsOut:
    """The single seats that a period's figures are sums of, some at a time."""
    first, last = checked_days(call.query, MAX_DAYS)
    coverage = call.services.coverage
    await coverage.log_access(call.user.login, "coverage.api", f"{first}…{last} seats")
    after = None
    if call.query.after is not None:
        day, occurrence, seat = call.query.after.split("/")
        after = date.fromisoformat(day), OccurrenceId(occurrence), SeatId(seat)
    found = await coverage.seats(first, last, after=after, limit=call.query.limit)
    full = len(found) == call.query.limit
    return SeatResultsOut(
        seats=[SeatResultOut(**seat.to_dict()) for seat in found],
        next="/".join(str(part) for part in place_of(found[-1])) if full else None,
    )


ROUTES: Final = (
    ApiRoute(
        "api.coverage",
        "GET",
        "/api/coverage",
        read_coverage,
        "How far the programme reached",
        query=Days,
        answer=CoverageOut,
    ),
    ApiRoute(
        "api.coverage.seats",
        "GET",
        "/api/coverage/seats",
        read_seats,
        "The single seats of a period",
        query=SeatResultsOf,
        answer=SeatResultsOut,
    ),
)
