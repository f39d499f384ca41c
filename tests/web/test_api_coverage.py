"""Coverage over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.plans import at
from tests.support.web import Site, plan, site

pytestmark = pytest.mark.asyncio
DAYS = "from=2026-11-23&to=2026-11-23"


async def recomputed(served: Site) -> dict[str, Any]:
    await plan(served)
    await served.services.coverage.settle()
    day = at("08:00").date()
    return (await served.services.evidence.coverage(day, day)).to_dict()


async def test_coverage_is_what_an_auditor_recomputes(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        expected = await recomputed(served)
        answer = await served.ask("GET", f"/api/coverage?{DAYS}", role=Role.REVIEWER)
        assert answer.status == 200
        del expected["seats"]
        assert await answer.json() == expected
        assert expected["totals"]["due_periods"] == 2


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_seats_are_read_in_parts_and_are_all_there(tmp_path: Path, limit: int) -> None:
    async with site(tmp_path) as served:
        expected = await recomputed(served)
        path = f"/api/coverage/seats?{DAYS}&limit={limit}"
        found: list[Any] = []
        place: str | None = ""
        while place is not None:
            answer = await served.ask(
                "GET", path + (f"&after={place}" if place else ""), role=Role.REVIEWER
            )
            assert answer.status == 200
            part = await answer.json()
            assert len(part["seats"]) <= limit
            found, place = found + part["seats"], part["next"]
        assert found == expected["seats"]
        assert len(found) == 2


@pytest.mark.parametrize("after", ["2026-13-01/o/s", "2026-11-23/o", "x", "2026-11-23/o/s/t"])
async def test_a_place_that_is_none_is_refused_by_name(tmp_path: Path, after: str) -> None:
    async with site(tmp_path) as served:
        answer = await served.ask(
            "GET", f"/api/coverage/seats?{DAYS}&after={after}", role=Role.REVIEWER
        )
        assert answer.status == 422
        told = await answer.json()
        assert (told["field"], told["value"]) == ("after", after)
