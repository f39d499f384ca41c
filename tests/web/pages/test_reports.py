"""A bureau asks for a report, reads, publishes it, and sees what late facts change."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.facts import SeatMedia
from sync_classroom.domain.ids import FactId
from sync_classroom.domain.publications import ReportState
from sync_classroom.domain.report import ReportKind
from tests.support.pages import Page, english, look, office, read, send
from tests.support.plans import at
from tests.support.web import Site

pytestmark = pytest.mark.asyncio

HOME = "/coverage/reports"
FIELDS = {
    "key": "k1", "period": "period", "from": "2026-11-23", "to": "2026-11-23", "language": "zh",
    "what": "report", "format": "csv",
}  # fmt: skip


async def _make(served: Site) -> str:
    """Make what waits; the id of the newest report."""
    for report in await served.store.unfinished_reports("one"):
        made = await served.services.reports.make(report)
        assert made.state is ReportState.DONE, made.failure
    return (await served.services.reports.reports())[0].id


def _states(page: Page) -> list[str]:
    return [str(row["data-state"]) for row in page.all("tr") if "data-state" in row]


async def test_empty_lists_say_what_to_do(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, HOME)
        assert "还没有报告" in page.text
        assert "还没有发布过" in page.text
        other = await _english(served, HOME)
        assert "There are no reports yet" in other.text


async def test_asked_for_followed_fetched_published_and_restated(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await send(served, HOME, FIELDS)
        assert answer.headers["Location"] == f"{HOME}?done=report-asked"
        assert (await send(served, HOME, FIELDS)).status == 303
        assert _states(await look(served, HOME)) == ["queued"]
        report = await _make(served)
        page = await look(served, f"{HOME}?part=live")
        assert _states(page) == ["done"]
        assert {f"{HOME}/{report}/tables.zip", f"{HOME}/{report}/bundle.zip"} <= set(page.links())
        fetched = await served.ask("GET", f"{HOME}/{report}/tables.zip", role=Role.REVIEWER)
        assert (fetched.status, fetched.content_type) == (200, "application/zip")
        assert "period-2026-11-23-2026-11-23-zh-tables.zip" in str(
            fetched.headers["Content-Disposition"]
        )
        assert (await served.ask("GET", f"{HOME}/{report}/x", role=Role.ADMIN)).status == 404

        posted = await send(served, f"{HOME}/{report}/publish", {"key": "p", "note": "局办审核"})
        assert posted.headers["Location"] == "/coverage/publications/1?done=report-published"
        page = await look(served, "/coverage/publications/1")
        assert "局办审核" in page.text
        assert "还没有重算过" in page.text
        again = await send(served, f"{HOME}/{report}/publish", {"key": "q", "note": "别的"})
        assert again.status == 409
        assert (await send(served, f"{HOME}/{report}/remove", {})).status == 409

        assert (await send(served, "/coverage/publications/1/restate", {})).status == 303
        assert served.services.reports.restating() == {1}
        assert "正在重算" in (await look(served, HOME)).text
        live = "/coverage/publications/1?part=live"
        assert "正在重算" in (await look(served, live)).text
        await served.services.reports.restate(1, actor="chief")
        part = (await look(served, live)).text
        assert "与发布时完全一致" in part
        assert "<html" not in part
        assert "重算一致" in (await look(served, HOME)).text


async def test_a_late_fact_is_shown_as_a_restatement_with_its_reason(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await send(served, HOME, FIELDS)
        report = await _make(served)
        await send(served, f"{HOME}/{report}/publish", {"key": "p", "note": ""})
        taught = english()
        seat = taught.seats[1].id
        late = SeatMedia(FactId("late"), taught.id, seat, taught.starts_at, taught.ends_at, 9, 9, 9)
        await served.store.append_facts([late], received_at=at("12:00"))
        await served.services.reports.restate(1, actor="chief")
        page = await look(served, HOME)
        assert "有重述" in page.text
        assert "听讲媒体 +1 条" in page.text
        page = await look(served, "/coverage/publications/1")
        assert "合计 · 实开课时（受援课时）" in page.text
        other = await _english(served, "/coverage/publications/1")
        assert "facts after the cut-off: Seat media +1" in other.text


async def test_wrong_dates_and_no_format_are_said_beside_the_form(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        wrong = await send(served, HOME, FIELDS | {"to": "gestern"})
        assert wrong.status == 422
        assert "2026-11-23 的样子" in (await read(wrong, 422)).text
        backwards = await send(served, HOME, FIELDS | {"to": "2026-11-01"})
        assert "对调" in (await read(backwards, 422)).text
        none = {k: v for k, v in FIELDS.items() if k != "format"}
        assert "至少选一种格式" in (await read(await send(served, HOME, none), 422)).text
        long = await send(served, HOME, FIELDS | {"from": "2020-01-01"})
        assert long.status == 422
        assert await served.services.reports.reports() == []


async def test_a_bundle_is_asked_for_without_formats(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        bundle = {k: v for k, v in FIELDS.items() if k != "format"} | {"what": "bundle"}
        assert (await send(served, HOME, bundle)).status == 303
        (report,) = await served.services.reports.reports()
        assert (report.formats, report.kind) == ((), ReportKind.PERIOD)
        await _make(served)
        page = await look(served, HOME)
        assert "证据包" in page.text
        assert f"{HOME}/{report.id}/bundle.zip" in page.links()


async def test_months_that_are_over_are_offered(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, HOME)
        values = [str(o["value"]) for o in page.all("option")]
        assert "month:2026-10-01:2026-10-31" in values
        asked = FIELDS | {"period": "month:2026-10-01:2026-10-31"}
        await send(served, HOME, asked)
        (report,) = await served.services.reports.reports()
        assert (report.first, report.last) == (date(2026, 10, 1), date(2026, 10, 31))


async def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for path in (f"{HOME}/none", "/coverage/publications/7", "/coverage/publications/x"):
            assert (await served.ask("GET", path, role=Role.ADMIN)).status == 404


async def _english(served: Site, path: str) -> Page:
    """The page in English."""
    await send(served, "/language", {"language": "en", "back": "/"})
    return await look(served, path)
