"""One push order's page: what it says and who may take it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_classroom.coordinator.push_files import ANY_TIME, LineOptions
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import SchoolId, TargetId
from sync_classroom.domain.make_up import REASON, WITHDRAWN
from sync_classroom.domain.school_lines import Carried, Lines
from sync_classroom.web.pages.push_order import OWN_REASONS
from tests.support.library import PDF, recorded
from tests.support.pages import look, look_in_english, office, read
from tests.support.plans import at
from tests.support.pushes import bearer, inbox_of, pushed, say
from tests.web.pages.test_pushes import send

pytestmark = pytest.mark.asyncio
MS = 1_000_000_000_000


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
        await look_in_english(served, "/pushes")


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
        page = await look_in_english(served, path)
        assert "Cancelled 23 Nov 10:00 admin 甲: 不用补" in page.text
        assert "Not fetched yet" not in page.text  # it will not be


async def test_the_server_s_own_reasons_are_those_it_gives() -> None:
    assert set(OWN_REASONS) == {REASON, WITHDRAWN}


async def test_a_room_a_push_was_withdrawn_from_says_when_and_why(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        order = await pushed(served, "remote-1-r1", "remote-2-r1")
        served.clock.now = at("11:05")
        pushes = served.services.pushes
        assert await pushes.withdraw(order, [TargetId("t2")], WITHDRAWN, by="make-up") == 1
        page = await look(served, f"/pushes/{order.id}")
        assert f"已撤回 11月23日 11:05 {WITHDRAWN}" in page.text
        assert "还有 1 个对象没有打开。" in page.text
        assert "没有送达的不计入触达率" in page.text
        assert "触达率 0.0 % (0/1)" in page.text
        told = await served.ask("GET", f"/api/pushes/{order.id}", role=Role.ADMIN)
        assert (await told.json())["withdrawn"] == 1


async def test_what_went_over_schools_lines_is_shown(tmp_path: Path) -> None:
    cache = {SchoolId("remote-1"): "https://cache.example:8443"}
    async with office(tmp_path, lines=LineOptions(Lines(ANY_TIME.general, caches=cache))) as served:
        order = await pushed(served, "remote-1-r1", "remote-2-r1")
        path = f"/pushes/{order.id}"
        assert "学校线路" not in (await look(served, path)).text
        size = len(PDF)
        await served.store.add_carried([
            Carried(order.id, SchoolId("remote-1"), True, size),
            Carried(order.id, SchoolId("remote-2"), False, 5 * size // 2),
        ])  # fmt: skip
        page = await look(served, path)
        assert "学校线路" in page.text
        assert "66 KB — 1.0" in page.text
        assert "没有缓存 164 KB 2.5" in page.text


async def test_every_target_shows_its_copy_and_how_far_it_got(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        order = await pushed(served, "remote-1-r1", "remote-1-r2", "remote-2-r1", "remote-3-r1")
        path = f"/pushes/{order.id}"
        page = await look(served, path)
        assert page.text.count("未下载") == 4
        assert "还有 4 个对象没有打开。" in page.text
        words: list[dict[str, Any]] = [
            {"state": "fetching", "bytes": len(PDF) * 43 // 100},
            {"state": "kept", "bytes": len(PDF), "delivered": MS, "opened": MS, "watched_s": 125},
            {"state": "failed", "bytes": 0, "failure": "too_large"},
            {"state": "evicted", "bytes": 0, "completed": MS},
        ]
        for target, word in zip(order.targets, words, strict=True):
            headers = await bearer(served, str(target.classroom))
            copy = {"push": order.id, "target": target.id, "watched_s": 0, **word}
            answer = await served.ask(
                "POST", "/api/terminal/pushes", headers=headers, json={"sent": MS, "copies": [copy]}
            )
            assert (await answer.json())["refused"] == []
        page = await look(served, path, role=Role.REVIEWER)
        for said in ("下载中 42%", "已下载 看了 2 分 05 秒", "超过终端空间", "已腾出空间"):
            assert said in page.text
        assert "还有 2 个对象没有打开。" in page.text
        assert "(2/4)" in page.text  # 触达
        assert "(1/4)" in page.text  # 完成
        await look_in_english(served, path)


async def test_who_has_not_opened_is_reminded_once_an_hour_until_all_have(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        order = await pushed(served)
        path, here = f"/pushes/{order.id}", await bearer(served)
        [entry] = (await inbox_of(served, here))["pushes"]
        assert entry["reminded_at"] is None
        assert not (await look(served, path, role=Role.TEACHER)).all(
            "form", action=path + "/remind"
        )
        answer = await send(served, path + "/remind", {}, role=Role.TEACHER)
        assert answer.status == 403
        answer = await send(served, path + "/remind", {})
        assert answer.status == 303
        page = await look(served, answer.headers["Location"])
        assert "提醒过 1 次，最近一次：11月23日 10:00 admin 甲" in page.text
        [entry] = (await inbox_of(served, here))["pushes"]
        assert entry["reminded_at"] == "2026-11-23T02:00:00Z"
        answer = await send(served, path + "/remind", {})
        assert answer.status == 409
        assert "60 分钟内已经提醒过" in (await read(answer, 409)).text
        served.clock.now = at("11:00")
        assert (await send(served, path + "/remind", {})).status == 303
        await say(served, here, order, MS, state="kept", bytes=1, opened=MS)
        served.clock.now = at("12:00")
        answer = await send(served, path + "/remind", {})
        assert "所有对象都已打开" in (await read(answer, 409)).text
        page = await look(served, path)
        assert not page.all("form", action=path + "/remind")
        assert "没有打开。" not in page.text
        assert (await send(served, "/pushes/p-none/remind", {})).status == 404


async def test_an_order_that_is_over_reminds_nobody(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        order = await pushed(served, expires_at=at("11:00"))
        path = f"/pushes/{order.id}"
        assert (await look(served, path)).all("form", action=path + "/remind")
        served.clock.now = at("11:00")
        page = await look(served, path)
        assert "已过期" in page.text
        assert not page.all("form", action=path + "/remind")
        assert (await send(served, path + "/remind", {})).status == 409
