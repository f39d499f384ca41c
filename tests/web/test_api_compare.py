"""Two periods beside each other over HTTP, as each is read by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.definitions import DEFINITIONS
from tests.support.pages import office
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
MONDAY = "from=2026-11-23&to=2026-11-23"
TUESDAY = "from=2026-11-24&to=2026-11-24"


async def get(served: Site, path: str, role: Role = Role.REVIEWER) -> dict[str, Any]:
    answer = await served.ask("GET", path, role=role)
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def test_both_sides_are_what_coverage_says_of_them_and_by_default_the_days_before(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        path = f"/api/coverage/compare?{TUESDAY}"
        told = await get(served, path)
        now, before = [await get(served, f"/api/coverage?{days}") for days in (TUESDAY, MONDAY)]
        assert (told["period"], told["compared"]) == (now["period"], before["period"])
        assert set(told["totals"]) == set(DEFINITIONS)
        for code, pair in told["totals"].items():
            assert (pair["now"], pair["before"]) == (now["totals"][code], before["totals"][code])
        for school, row in told["by_school"].items():
            for code, pair in row.items():
                assert pair["before"] == before["by_school"][school][code]
        assert told["totals"]["due_seats"]["change"] == {"sign": -1, "amount": 5}
        assert told["totals"]["held_rate"]["change"] is None  # nothing was due
        assert told["totals"]["school_coverage"]["change"] == {"sign": -1, "amount": 125}
        [caveat] = told["caveats"]
        assert (caveat["kind"], caveat["day"]) == ("nothing_due", "2026-11-24")
        asked = "&compare_from=2026-11-23&compare_to=2026-11-23"
        assert await get(served, path + asked) == told


async def test_a_period_of_no_sense_or_half_of_one_is_refused_by_name(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for more, field in (
            ("compare_from=2026-11-23", "compare_to"),
            ("compare_to=2026-11-23", "compare_from"),
            ("compare_from=2026-11-24&compare_to=2026-11-23", "compare_to"),
            ("compare_from=x&compare_to=2026-11-23", "compare_from"),
        ):
            path = f"/api/coverage/compare?{MONDAY}&{more}"
            answer = await served.ask("GET", path, role=Role.REVIEWER)
            assert answer.status == 422, more
            assert (await answer.json())["field"] == field
        answer = await served.ask("GET", f"/api/coverage/compare?{MONDAY}", role=Role.TEACHER)
        assert answer.status == 403
