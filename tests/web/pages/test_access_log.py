"""The access log: by person, by day, page by page, for administrators."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.web.pages import access_log
from tests.support.pages import look, office

pytestmark = pytest.mark.asyncio


async def test_who_looked_is_listed_by_person_and_day(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert "还没有人查阅过" in (await look(served, "/access-log")).text
        await look(served, "/coverage?from=2026-11-23&to=2026-11-23", role=Role.REVIEWER)
        await look(served, "/coverage?from=2026-11-22&to=2026-11-22")
        store, now = served.store, served.services.clock()
        await store.log_access("admin", "report.fetch", "r1/report.pdf", at=now - timedelta(days=1))
        page = await look(served, "/access-log")
        assert "reviewer 甲 reviewer 查看覆盖 2026-11-23…2026-11-23" in page.text
        assert "下载报告文件 r1/report.pdf" in page.text
        assert "/coverage/reports/r1" in page.links()
        page = await look(served, "/access-log?who=reviewer")
        assert page.text.count("查看覆盖") == 1
        page = await look(served, "/access-log?day=2026-11-22")
        assert "r1/report.pdf" in page.text
        assert "查看覆盖" not in page.text
        assert "没有符合条件的记录" in (await look(served, "/access-log?who=nobody")).text


async def test_pages_are_bounded_and_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "ENTRIES_PER_PAGE", 2)
    async with office(tmp_path) as served:
        for n in range(5):
            await served.services.coverage.log_access("admin", "report.fetch", f"file-{n}")
        page = await look(served, "/access-log")
        seen = []
        while True:
            seen.append([n for n in range(5) if f"file-{n}" in page.text])
            older = [h for h in page.links() if "before=" in h]
            if not older:
                break
            page = await look(served, older[0])
        assert seen == [[3, 4], [1, 2], [0]]


async def test_bad_filters_are_explained_and_others_are_kept_out(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/access-log?day=yesterday&before=x")
        assert "日期要写成" in page.text
        assert "日期要写成" in (await look(served, "/access-log?day=9999-12-31")).text
        await look(served, f"/access-log?before={'9' * 40}")
        await look(served, "/access-log", role=Role.REVIEWER, status=403)
