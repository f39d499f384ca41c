"""API: how far the programme reached, in the layout an auditor recomputes."""

from __future__ import annotations

from typing import Any, Final

from .api_lessons import Days, checked_days
from .routes import ApiRoute, Call, Out

# Three school years, which is what a bureau compares.
MAX_DAYS: Final = 1100


class CoverageOut(Out):
    """Every measure over a period, in the layout of `sync-classroom audit --format json`."""

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
    seats: list[dict[str, Any]]
    mode_matrix: dict[str, Any]


async def read_coverage(call: Call[None, Days]) -> CoverageOut:
    """Coverage of at most three years, from what is kept of the facts; seconds old at most."""
    first, last = checked_days(call.query, MAX_DAYS)
    await call.services.coverage.log_access(call.user.login, "coverage.api", f"{first}…{last}")
    return CoverageOut(**await call.services.coverage.report(first, last))


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
)
