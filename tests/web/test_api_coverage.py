"""Coverage over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.plans import at
from tests.support.web import plan, site

pytestmark = pytest.mark.asyncio
ADMIN, TEACHER = Role.ADMIN, Role.TEACHER


async def test_coverage_is_what_an_auditor_recomputes(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await plan(served)
        days = "from=2026-11-23&to=2026-11-23"
        await served.services.coverage.settle()
        answer = await served.ask("GET", f"/api/coverage?{days}", role=Role.REVIEWER)
        assert answer.status == 200
        expected = await served.services.evidence.coverage(at("08:00").date(), at("08:00").date())
        assert await answer.json() == expected.to_dict()
        assert expected.to_dict()["totals"]["due_periods"] == 2
