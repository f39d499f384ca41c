"""Reports by API: ask, follow, fetch, publish, restate, remove."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.web import Site, site

pytestmark = pytest.mark.asyncio

BODY = {"from": "2026-11-23", "to": "2026-11-23", "formats": ["csv"]}


async def _post(served: Site, path: str, body: Any = None, key: str = "k1") -> Any:
    return await served.ask(
        "POST", path, role=Role.REVIEWER, json=body, headers={"Idempotency-Key": key}
    )


async def test_asked_for_made_fetched_published_and_kept(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        answer = await _post(served, "/api/reports", BODY)
        assert answer.status == 201
        asked = await answer.json()
        assert (asked["state"], asked["from"], asked["kind"]) == ("queued", "2026-11-23", "period")
        assert (await (await _post(served, "/api/reports", BODY)).json())["id"] == asked["id"]
        report = await served.services.reports.report(asked["id"])
        await served.services.reports.make(report)
        path = f"/api/reports/{report.id}"
        done = await (await served.ask("GET", path, role=Role.ADMIN)).json()
        assert done["state"] == "done"
        assert set(done["files"]) == {"tables.zip", "bundle.zip"}
        fetched = await served.ask("GET", f"{path}/bundle.zip", role=Role.ADMIN)
        assert fetched.status == 200
        made = await _post(served, f"{path}/publish", {"note": "审核"}, key="p1")
        assert (made.status, (await made.json())["no"]) == (201, 1)
        assert (await served.ask("DELETE", path, role=Role.ADMIN)).status == 409
        assert (await _post(served, "/api/publications/1/restate")).status == 204
        await served.services.reports.restate(1, actor="chief")
        listed = await served.ask("GET", "/api/publications", role=Role.REVIEWER)
        (published,) = (await listed.json())["publications"]
        assert (published["restated"]["by"], published["restated"]["total"]) == ("chief", 0)
        reports = await served.ask("GET", "/api/reports", role=Role.REVIEWER)
        assert [r["id"] for r in (await reports.json())["reports"]] == [report.id]


async def test_bad_bodies_and_unknown_reports_are_refused(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        for body in (
            BODY | {"to": "2020-01-01"}, BODY | {"language": "fr"}, BODY | {"formats": ["doc"]},
            BODY | {"from": 5}, BODY | {"x": 1}, {},
            BODY | {"from": "0001-01-01", "to": "0001-01-01"},
            BODY | {"from": "9999-12-31", "to": "9999-12-31"},
        ):  # fmt: skip
            assert (await _post(served, "/api/reports", body)).status == 422
        for path in ("/api/reports/none/publish", "/api/publications/9/restate"):
            assert (await _post(served, path, {} if "publish" in path else None)).status == 404
        missing = await served.ask("GET", "/api/reports/none", role=Role.ADMIN)
        assert json.loads(await missing.text())["code"] == "report_unknown"


async def test_a_report_that_was_not_published_can_be_removed(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        asked = await (await _post(served, "/api/reports", BODY)).json()
        report = await served.services.reports.report(asked["id"])
        path = f"/api/reports/{report.id}"
        assert (await served.ask("DELETE", path, role=Role.ADMIN)).status == 409
        await served.services.reports.make(report)
        assert (await served.ask("DELETE", path, role=Role.ADMIN)).status == 204
        assert (await served.ask("GET", path, role=Role.ADMIN)).status == 404
