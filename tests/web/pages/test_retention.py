"""The page that says how long what is kept, what there is, and what was deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.retention import AGES, Kind
from sync_classroom.web.pages.retention import AGE_WORDS, WORDS
from tests.support.old_rows import fill
from tests.support.pages import look, read, send
from tests.support.web import site

PATH = "/settings/retention"


def test_every_kind_and_age_has_its_words() -> None:
    assert set(WORDS) == set(Kind)
    assert len(AGE_WORDS) == len(AGES) + 1


@pytest.mark.asyncio
async def test_rules_store_and_deletions_are_shown_to_administrators(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        page = await look(served, PATH)
        assert "还没有运行过。" in page.text
        assert "还没有删除过任何内容" in page.text
        await fill(served.store, served.clock(), 10, 200, 1200)
        page = await look(served, PATH)
        rows = {str(r["data-kind"]) for r in page.all("tr") if r.get("data-kind")}
        assert rows == {k.value for k in Kind}
        assert "满 365 天删除 terminal_days = 365 12 0 12 12 36 2023年8月11日 12" in page.text
        assert "3 条事实（送达证据、人工认定、终端日志的封条）及其链" in page.text
        await served.services.retention.delete_due("admin")
        page = await look(served, PATH)
        assert "终端日志的样本 12 条（2025年11月23日 以前）" in page.text
        assert "查阅记录 1 条（2023年11月24日 以前）" in page.text
        assert "最近一次检查：11月23日 08:00" in page.text
        assert "2026年11月23日 08:00 admin 终端日志的样本" in page.text
        assert PATH in (await look(served, "/people")).links()
        assert (await served.ask("GET", PATH, role=Role.REVIEWER)).status == 403
        assert PATH in (await look(served, "/access-log")).links()


@pytest.mark.asyncio
async def test_what_is_due_is_deleted_now_once_that_is_confirmed(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        assert "现在没有到期的内容。" in (await look(served, PATH)).text
        await fill(served.store, served.clock(), 10, 200, 1200)
        page = await look(served, PATH)
        assert "现在到期的：终端日志的样本 12 条 · " in page.text
        assert page.all("form", action=PATH + "/delete")
        before = await served.store.kept_facts()
        for fields in ({}, {"confirm": "no"}):
            refused = await read(await send(served, PATH + "/delete", fields), 422)
            assert "请先勾选确认" in refused.text
        assert await served.services.retention.last_run() is None
        for role in (Role.REVIEWER, Role.OPERATOR, Role.TEACHER):
            answer = await send(served, PATH + "/delete", {"confirm": "yes"}, role=role)
            assert answer.status == 403
        answer = await send(served, PATH + "/delete", {"confirm": "yes"})
        assert answer.status == 303
        page = await look(served, answer.headers["Location"])
        assert "到期的内容已删除" in page.text
        assert "现在到期的：终端日志的样本" not in page.text
        assert "2026年11月23日 08:00 admin 终端日志的样本" in page.text
        assert await served.store.kept_facts() == before
