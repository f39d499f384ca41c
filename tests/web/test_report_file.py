"""A report's file comes with its type and a name that says what it is of."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.report import ReportKind
from tests.support.web import site

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("path", ["/api/reports", "/coverage/reports"])
async def test_files_are_attachments_that_nobody_else_keeps(tmp_path: Path, path: str) -> None:
    async with site(tmp_path) as served:
        day = date(2026, 11, 23)
        reports = served.services.reports
        asked = await reports.request(
            ReportKind.MONTH, day, day, "en", ("xlsx",), actor="x", key="k"
        )
        await reports.make(asked)
        answer = await served.ask("GET", f"{path}/{asked.id}/report.xlsx", role=Role.REVIEWER)
        assert answer.status == 200
        assert answer.content_type.endswith("spreadsheetml.sheet")
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["Content-Disposition"] == (
            'attachment; filename="month-2026-11-23-2026-11-23-en-report.xlsx"'
        )
        (entry,) = await served.services.coverage.accesses()
        assert (entry.actor, entry.what) == ("reviewer", "report.fetch")
        assert entry.target == f"{asked.id}/report.xlsx"
        for name in ("basis.json", "report.pdf", "%2e%2e%2ftest.db"):
            gone = await served.ask("GET", f"{path}/{asked.id}/{name}", role=Role.REVIEWER)
            assert gone.status == 404
