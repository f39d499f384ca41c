"""API: two periods of coverage beside each other, as the page `/coverage/compare` shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from pydantic import Field

from ..coordinator.coverage import MAX_DAYS
from ..domain.comparison import Caveat, caveats, change_of
from ..domain.coverage import CoverageFigures
from ..domain.definitions import DEFINITIONS
from ..domain.measures import Ratio
from ..domain.problems import ProblemError
from .api_lessons import Days, checked_days
from .fields import Day
from .routes import ApiRoute, Call, Out


class ComparedDays(Days):
    """Civil days, and those they are compared with; without these as many days right before."""

    other_first: Day | None = Field(None, alias="compare_from")
    other_last: Day | None = Field(None, alias="compare_to")


class ComparedPeriodOut(Out):
    """Civil days, both included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")


class MeasureChangeOut(Out):
    """How a measure changed: `sign` -1, 0 or 1, `amount` in whole seconds, a count, or, of a rate,
    tenths of a percentage point."""

    sign: int
    amount: int


class ComparedOut(Out):
    """One measure: a number or `{"numerator", "denominator"}`; a side is null where there was no
    such school then, `change` where a side is no number."""

    now: Any
    before: Any
    change: MeasureChangeOut | None


class CaveatOut(Out):
    """What to know before believing a change: days, or the two numbers that differ."""

    kind: str
    now: int
    before: int
    day: date | None
    last: date | None


class ComparisonOut(Out):
    """Every measure of two periods under its code name, in all and by remote school."""

    period: ComparedPeriodOut
    compared: ComparedPeriodOut
    rules: dict[str, Any]
    totals: dict[str, ComparedOut]
    by_school: dict[str, dict[str, ComparedOut]]
    caveats: list[CaveatOut]


async def compare(call: Call[None, ComparedDays]) -> ComparisonOut:
    """Both periods under the rules in force."""
    first, last = checked_days(call.query, MAX_DAYS)
    other = _other(call.query)
    coverage = call.services.coverage
    days = f"{first}…{last} ~ {other[0]}…{other[1]}"
    await coverage.log_access(call.user.login, "coverage.api", days)
    now = await coverage.figures(first, last)
    before = await coverage.figures(*other)
    known = caveats(now, before, await coverage.rules_versions())
    return await asyncio.to_thread(_written, now, before, known)


def _other(query: ComparedDays) -> tuple[date, date]:
    """The days that are compared with; ProblemError `period` for half of a period, too."""
    first, last = query.other_first, query.other_last
    if first is None and last is None:
        length = query.last - query.first
        last = query.first - timedelta(days=1)
        return last - length, last
    if first is None or last is None:
        raise ProblemError(
            "period",
            "compare_from 和 compare_to 须一起给出，或都不给（与前面同样长的一段比较）。",
            "Give compare_from and compare_to together, or neither, to compare with as many days"
            " before.",
            field="compare_from" if first is None else "compare_to",
            value="",
        )
    return checked_days(Days.model_construct(first=first, last=last), MAX_DAYS, to="compare_to")


def _written(
    now: CoverageFigures, before: CoverageFigures, known: Sequence[Caveat]
) -> ComparisonOut:
    values, earlier = now.to_dict(), before.to_dict()
    schools = sorted({*values["by_school"], *earlier["by_school"]})
    return ComparisonOut(
        period=ComparedPeriodOut.model_validate(values["period"]),
        compared=ComparedPeriodOut.model_validate(earlier["period"]),
        rules=values["rules"],
        totals=_pairs(values["totals"], earlier["totals"]),
        by_school={
            school: _pairs(values["by_school"].get(school), earlier["by_school"].get(school))
            for school in schools
        },
        caveats=[
            CaveatOut(kind=c.kind.value, now=c.now, before=c.before, day=c.day, last=c.last)
            for c in known
        ],
    )


def _pairs(
    now: Mapping[str, Any] | None, before: Mapping[str, Any] | None
) -> dict[str, ComparedOut]:
    found = {}
    for code in now or before or ():
        sides = [None if side is None else side[code] for side in (now, before)]
        change = change_of(DEFINITIONS[code].unit, *map(_measure, sides))
        found[code] = ComparedOut(
            now=sides[0],
            before=sides[1],
            change=None
            if change is None
            else MeasureChangeOut(sign=change.sign, amount=change.amount),
        )
    return found


def _measure(written: Any) -> Any:
    return Ratio(**written) if isinstance(written, Mapping) else written


ROUTES: Final = (
    ApiRoute(
        "api.coverage.compare",
        "GET",
        "/api/coverage/compare",
        compare,
        "Two periods of coverage beside each other",
        query=ComparedDays,
        answer=ComparisonOut,
    ),
)
