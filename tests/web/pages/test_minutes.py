"""The minutes' page: written by those who meet, nothing typed is lost, taken along as a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.pages import look, office, read, send
from tests.support.web import Site
from tests.web.test_api_meetings import planned

pytestmark = pytest.mark.asyncio
AT = "/research/s-1/minutes"


async def add(served: Site, text: str, key: str, role: Role = Role.TEACHER, **more: str) -> int:
    answer = await send(served, AT, {"text": text, "key": key} | more, role=role)
    return answer.status


async def test_minutes_are_written_and_read_by_everybody(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        page = await look(served, AT, role=Role.REVIEWER)
        assert "还没有纪要" in page.text
        assert page.all("textarea") == []
        assert await add(served, "说课很清楚", "1") == 303
        assert await add(served, "说课很清楚", "1") == 303
        assert await add(served, "<b>板书</b>", "2", Role.ADMIN) == 303
        page = await look(served, AT, role=Role.REVIEWER)
        assert page.text.count("说课很清楚") == 1
        assert "teacher 甲" in page.text
        assert "<b>板书</b>" in page.text


async def test_two_who_change_one_paragraph_both_keep_what_they_wrote(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        await add(served, "一", "1")
        form = await look(served, f"{AT}?edit=1", role=Role.TEACHER)
        assert form.all("input", name="seen")[0]["value"] == "1"
        assert await add(served, "她的", "2", Role.ADMIN, number="1", seen="1") == 303
        mine = {"text": "我的", "key": "3", "number": "1", "seen": "1"}
        page = await read(await send(served, AT, mine, role=Role.TEACHER), 409)
        assert "她的" in page.text
        assert "我的" in page.text
        assert page.all("input", name="seen")[0]["value"] == "2"
        key = str(page.all("input", name="key")[0]["value"])
        assert await add(served, "她的和我的", key, number="1", seen="2") == 303
        assert "她的和我的" in (await look(served, AT)).text


async def test_only_who_meets_writes_and_an_empty_paragraph_is_refused(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        page = await read(await send(served, AT, {"text": " ", "key": "1"}), 409)
        assert "text-error" in page.ids
        user = served.users[Role.TEACHER].id
        await served.services.accounts.update_user(user, teacher=None)
        assert await add(served, "x", "2") == 403


async def test_the_minutes_are_taken_along_as_markdown(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        await add(served, "一\n二", "1")
        await add(served, "取走", "2")
        await add(served, "", "3", number="2", seen="1")
        answer = await served.ask("GET", f"{AT}.md", role=Role.REVIEWER)
        assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
        text = await answer.text()
        assert text.startswith("# 课\n")
        assert "一  \n二\n" in text
        assert "取走" not in text
        assert "取走" not in (await look(served, AT)).text
