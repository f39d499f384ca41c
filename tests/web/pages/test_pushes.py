"""Push orders on pages: names before sending, once for a key, nobody refused, progress."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import SchoolId
from tests.support.library import added
from tests.support.pages import look, look_in_english, office, read, send
from tests.support.plans import at
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
FORM: dict[str, Any] = {"key": "k", "reason": "缺课补推", "when": "now", "what": "send"}


async def order(served: Site, resource: str, **fields: Any) -> str:
    """A given order; its address."""
    answer = await send(served, "/pushes/new", {**FORM, "resource": resource, **fields})
    assert answer.status == 303, await answer.text()
    return answer.headers["Location"].partition("?")[0]


async def teach_at(served: Site, school: str) -> None:
    user = served.users[Role.TEACHER]
    await served.store.update_user(user.id, lambda u: replace(u, school=SchoolId(school)))


async def test_without_resources_or_orders_pages_say_what_to_do(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert "还没有推送" in (await look(served, "/pushes")).text
        assert "/library#add" in (await look(served, "/pushes/new")).links()
        assert (await served.ask("GET", "/pushes", role=Role.OPERATOR)).status == 403
        assert (await served.ask("GET", "/pushes/new", role=Role.REVIEWER)).status == 403
        await look(served, "/pushes/p-nobody", status=404)


async def test_whom_a_rule_finds_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        resource = await added(served)
        # Where nothing was chosen yet there is nothing to complain of, and grades are the roster's.
        fresh = await look(served, f"/pushes/new?resource={resource}")
        assert "选好推给谁，名单就显示在这里。" in fresh.text
        assert "还没有选推送给谁" not in fresh.text
        classes = served.services.roster.current().classes.values()
        grades = sorted({c.grade for c in classes if c.school.startswith("remote")})
        assert [b["value"] for b in fresh.all("input", name="grades")] == [str(g) for g in grades]
        part = await send(served, "/pushes/preview", {"lesson": "english"})
        text = await part.text()
        # One seat was partly received, one missed; the third was held.
        assert "将推送给 2 个对象" in text
        assert "学校 remote-1 · 2号直播教室" in text
        assert "学校 remote-2 · 1号直播教室" in text
        page = await look(served, f"/pushes/new?resource={resource}&lesson=english")
        assert "将推送给 2 个对象" in page.text
        fields = {**FORM, "what": "preview", "resource": resource, "schools": "remote-3"}
        page = await read(await send(served, "/pushes/new", fields))
        assert "将推送给 6 个对象" in page.text
        assert await served.services.pushes.orders() == []


async def test_an_order_goes_to_just_those_and_once_for_a_key(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        resource = await added(served, title="Unit 6 练习", subject="英语", grade=3)
        path = await order(served, resource, lesson="english")
        assert await order(served, resource, lesson="english") == path
        [given] = await served.services.pushes.orders()
        [push] = await served.store.pushes_between(at("00:00"), at("23:00"))
        assert (push.id, push.resource, push.subject, push.grade, push.reason) == (
            given.id, resource, "英语", 3, "缺课补推",
        )  # fmt: skip
        assert [t.classroom for t in push.targets] == ["remote-1-r2", "remote-2-r1"]
        page = await look(served, path, role=Role.REVIEWER)
        assert "已发送" in page.text
        assert "(0/2)" in page.text
        assert "Unit 6 练习" in (await look(served, "/pushes")).text
        await look_in_english(served, path)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "还没有选推送给谁"),
        ({"grades": "12"}, "没有教室同时符合"),
        ({"schools": "remote-1", "reason": " "}, "请写明原因"),
        ({"schools": "remote-1", "reason": "长" * 201}, "原因最多 200 个字"),
        ({"schools": "remote-1", "resource": ""}, "请选择要推送的资源"),
        ({"schools": "remote-1", "resource": "r-none"}, "不在资源库里"),
        ({"schools": "remote-1", "when": "later"}, "请选择发送的日期和时间"),
        ({"schools": "remote-1", "when": "later", "send_at": "2026-11-23T09:00"}, "已经过去"),
        ({"schools": "remote-1", "when": "later", "send_at": "2027-11-23T09:00"}, "180 天"),
        ({"schools": "remote-1", "expires": "2026-11-22"}, "到期时间须在发送之后"),
        ({"schools": "remote-1", "expires": "soon"}, "日期要写成"),
    ],
)
async def test_what_is_wrong_with_an_order_is_said_and_nothing_sent(
    tmp_path: Path, fields: dict[str, str], sentence: str
) -> None:
    async with office(tmp_path) as served:
        resource = await added(served)
        answer = await send(served, "/pushes/new", {**FORM, "resource": resource, **fields})
        page = await read(answer, 422)
        assert sentence in page.text
        assert await served.services.pushes.orders() == []
        assert await served.store.pushes_between(at("00:00"), at("23:00")) == []


async def test_an_order_for_later_is_sent_in_time_or_not_at_all(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        resource = await added(served)
        later = {"schools": "remote-1", "when": "later", "send_at": "2026-11-23T18:00"}
        kept = await order(served, resource, **later)
        gone = await order(served, resource, **later, key="k2")
        assert "等待发送" in (await look(served, kept)).text
        answer = await send(served, gone + "/cancel", {"reason": "发错了"})
        assert answer.status == 303
        assert await served.services.pushes.send_due() == 0
        served.clock.now = at("18:00")
        assert await served.services.pushes.send_due() == 1
        assert await served.services.pushes.send_due() == 0
        [push] = await served.store.pushes_between(at("00:00"), at("23:00"))
        assert push.ordered_at == at("18:00")
        assert "已发送" in (await look(served, kept)).text
        page = await look(served, gone)
        assert "发错了" in page.text
        assert "仍计入统计" not in page.text


async def test_a_teacher_of_the_school_opens_and_completes_once(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        resource = await added(served)
        path = await order(served, resource, lesson="english")
        await teach_at(served, "remote-2")
        inbox = await look(served, "/pushes", role=Role.TEACHER)
        assert f"{path}/targets/t2" in inbox.links()
        assert f"{path}/targets/t1" not in inbox.links()
        target = f"{path}/targets/t2"
        before = await look(served, target, role=Role.TEACHER)
        assert not before.all("iframe")
        for _ in range(2):
            answer = await send(served, target + "/open", {}, role=Role.TEACHER)
            assert answer.status == 303
        assert (await look(served, target, role=Role.TEACHER)).all("iframe")
        served.clock.now = at("10:30")
        for _ in range(2):
            await send(served, target + "/complete", {}, role=Role.TEACHER)
        [given] = await served.services.pushes.orders()
        facts = await served.store.push_facts([given.id])
        assert [(f.step.value, f.at) for f in facts] == [  # type: ignore[union-attr]
            ("push_delivered", at("10:00")), ("push_opened", at("10:00")),
            ("push_completed", at("10:30")),
        ]  # fmt: skip
        page = await look(served, path)
        assert "触达率 50.0 % (1/2)" in page.text
        assert "完成率 50.0 % (1/2)" in page.text
        coverage = await served.services.evidence.coverage(
            served.clock.now.date(), served.clock.now.date()
        )
        figures = coverage.push
        assert (figures.push_addressed, figures.push_opened, figures.push_completed) == (2, 1, 1)


async def test_nobody_opens_what_went_to_another_school_or_is_over(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        resource = await added(served)
        path = await order(served, resource, lesson="english", expires="2026-11-23")
        target = f"{path}/targets/t2"
        await teach_at(served, "remote-3")
        answer = await send(served, target + "/open", {}, role=Role.TEACHER)
        assert answer.status == 403
        assert (await send(served, target + "/open", {})).status == 403  # nor an administrator
        assert (await send(served, f"{path}/targets/t9/open", {})).status == 404
        await teach_at(served, "remote-2")
        for clock in ("18:00", "23:59:58"):  # who works goes on being signed in
            served.clock.now = at(clock)
            for role in (Role.ADMIN, Role.TEACHER):
                assert "已发送" in (await look(served, path, role=role)).text
        served.clock.now = at("00:00", "2026-11-24")
        answer = await send(served, target + "/open", {}, role=Role.TEACHER)
        assert answer.status == 409
        assert "已过期" in (await look(served, path)).text
        assert "现在不能打开" in (await look(served, target, role=Role.TEACHER)).text
        [given] = await served.services.pushes.orders()
        assert await served.store.push_facts([given.id]) == []


async def test_a_resource_that_is_pushed_cannot_be_deleted_until_it_is_over(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        resource = await added(served, role=Role.ADMIN)
        path = await order(served, resource, schools="remote-1")
        refused = await read(
            await send(served, f"/library/{resource}/delete", {"reason": "重复"}), 409
        )
        assert path.rpartition("/")[2] in refused.text
        other = await send(served, path + "/cancel", {"reason": "x"}, role=Role.TEACHER)
        assert other.status == 403
        page = await read(await send(served, path + "/cancel", {"reason": ""}), 422)
        assert "请写明原因" in page.text
        await send(served, path + "/cancel", {"reason": "发错了"})
        again = await read(await send(served, path + "/cancel", {"reason": "又"}), 409)
        assert "已经取消或到期" in again.text
        assert "仍计入统计" in (await look(served, path)).text
        assert (await send(served, f"/library/{resource}/delete", {"reason": "重复"})).status == 303
        assert "已删除" in (await look(served, path)).text
