"""One push order's page: what it says and who may take it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.library import recorded
from tests.support.pages import look, office, read
from tests.web.pages.test_pushes import send

pytestmark = pytest.mark.asyncio


async def test_the_automatic_rule_is_seen_and_switched_by_administrators(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/pushes")
        assert "自动补推 开着" in page.text
        assert page.all("form", action="/pushes/automatic")
        for role in (Role.TEACHER, Role.REVIEWER):
            other = await look(served, "/pushes", role=role)
            assert "自动补推 开着" in other.text
            assert not other.all("form", action="/pushes/automatic")
            answer = await send(served, "/pushes/automatic", {"on": "no", "reason": "x"}, role=role)
            assert answer.status == 403
        answer = await send(served, "/pushes/automatic", {"on": "no", "reason": ""})
        assert answer.status == 422
        assert "请写明原因" in (await read(answer, 422)).text
        answer = await send(served, "/pushes/automatic", {"on": "no", "reason": "考试周"})
        assert answer.status == 303
        page = await look(served, answer.headers["Location"])
        assert "自动补推已关闭，之后结束的课不再自动补推。" in page.text
        assert "admin 甲：考试周" in page.text
        answer = await send(served, "/pushes/automatic", {"on": "yes", "reason": "考完了"})
        assert "自动补推 开着" in (await look(served, answer.headers["Location"])).text
        await look(served, "/pushes?lang=en")


async def test_an_automatic_order_is_administrators_to_cancel(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        assert await served.services.make_up.sweep() == 1
        [order] = await served.services.pushes.orders()
        path = f"/pushes/{order.id}"
        page = await look(served, path)
        assert "自动补推" in page.text
        assert "课堂录像" in page.text
        assert "自动补推" in (await look(served, f"/library/{order.resource}")).text
        assert not (await look(served, path, role=Role.TEACHER)).all(
            "form", action=path + "/cancel"
        )
        answer = await send(served, path + "/cancel", {"reason": "不用补"}, role=Role.TEACHER)
        assert answer.status == 403
        assert (await send(served, path + "/cancel", {"reason": "不用补"})).status == 303
        assert "已取消" in (await look(served, path)).text
