"""The day's list."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId, TeacherId
from sync_classroom.domain.lesson import LessonRun, LessonState
from tests.support.pages import look, office, send

pytestmark = pytest.mark.asyncio


async def test_the_day_shows_every_lesson_with_time_period_room_and_state(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/today")
        assert "11月23日 周一 第13周" in page.text
        assert "08:10–08:50 第 1 节" in page.text
        assert "14:00–14:40" in page.text
        assert "已下课" in page.text
        assert "待上课" in page.text
        assert "/lessons/english" in page.links()
        assert "/lessons/maths" in page.links()
        assert "/lessons/new?date=2026-11-23" in page.links()


async def test_a_live_lesson_counts_its_rooms_and_its_minutes(tmp_path: Path) -> None:
    async with office(tmp_path, clock="14:12") as served:
        start = (await served.services.lessons.view(OccurrenceId("maths"))).occurrence.starts_at  # type: ignore[union-attr]
        await served.store.save_run(
            LessonRun(
                OccurrenceId("maths"),
                LessonState.LIVE,
                opened_at=start - timedelta(minutes=10),
                live_at=start + timedelta(seconds=12),
            )
        )
        page = await look(served, "/today")
        assert "上课中" in page.text
        assert "11 分 48 秒" in page.text
        assert "0/2 间教室收看中" in page.text
        assert [c["title"] for c in page.all("li") if c.get("title")] == [
            "1号直播教室 · 离线", "1号直播教室 · 离线",
        ]  # fmt: skip


async def test_a_cancelled_lesson_names_its_rooms_and_offers_no_evidence(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await served.services.lessons.cancel(
            OccurrenceId("maths"), excused=True, reason="停电", actor="admin", key="k"
        )
        page = await look(served, "/today")
        assert "0 间教室" not in page.text
        assert "/lessons/maths#evidence" not in page.links()


async def test_days_are_stepped_and_the_school_stays_in_the_address(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/today?date=2026-11-23&school=remote-3")
        links = page.links()
        assert "/today?date=2026-11-22&school=remote-3" in links
        assert "/today?date=2026-11-24&school=remote-3" in links
        assert "/today?school=remote-3" in links
        assert "/lessons/maths" in links
        assert "/lessons/english" not in links


async def test_an_empty_day_says_what_to_do_next_by_role(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/today?date=2026-11-24")
        assert "这一天还没有安排课次" in page.text
        assert "/lessons/new?date=2026-11-24" in page.links()
        page = await look(served, "/today?date=2026-11-24", role=Role.TEACHER)
        assert "课次由管理员安排" in page.text
        assert "/lessons/new?date=2026-11-24" not in page.links()
        page = await look(served, "/today?school=remote-8")
        assert "全市这一天还有 2 节课" in page.text


@pytest.mark.parametrize("query", ["?date=rubbish", "?date=0001-01-01", "?date=9999-12-31"])
async def test_impossible_days_are_survived(tmp_path: Path, query: str) -> None:
    async with office(tmp_path) as served:
        await look(served, "/today" + query)


async def test_the_live_part_alone_is_a_fragment(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/today?part=live")
        assert page.all("html") == []
        assert "/lessons/english" in page.links()


async def test_a_cancelled_lesson_stays_on_the_day_with_its_word(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await served.services.lessons.cancel(
            OccurrenceId("maths"), excused=True, reason="停电", actor="admin", key="k"
        )
        page = await look(served, "/today")
        assert "已取消" in page.text
        assert "待上课" not in page.text


async def test_a_run_of_a_former_version_is_replaced(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        run = await served.store.get_run(OccurrenceId("english"))
        assert run is not None
        await served.store.save_run(replace(run, state=LessonState.MISSED))
        page = await look(served, "/today")
        assert "未上" in page.text


async def test_a_teacher_is_told_what_changed_until_it_is_dismissed(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        teacher = served.users[Role.TEACHER]
        await served.store.update_user(
            teacher.id, lambda u: replace(u, teacher=TeacherId("host-2-t1"))
        )
        await served.services.lessons.cancel(
            OccurrenceId("maths"), excused=True, reason="停电", actor="admin", key="c"
        )
        sentence = "11月23日 周一 14:00–14:40 数学（1老师）停课：停电"
        page = await look(served, "/today", role=Role.TEACHER)
        assert sentence in page.text
        assert sentence not in (await look(served, "/today")).text
        # The live part alone brings it to a page that is open already.
        assert sentence in (await look(served, "/today?part=live", role=Role.TEACHER)).text
        [form] = [f for f in page.all("form") if str(f.get("action", "")).startswith("/notices/")]
        action = str(form["action"])
        for role in (Role.ADMIN, Role.TEACHER):  # nobody else's button dismisses it
            assert sentence in (await look(served, "/today", role=Role.TEACHER)).text
            answer = await send(served, action, {}, role=role)
            assert (answer.status, answer.headers["Location"]) == (303, "/today")
        assert sentence not in (await look(served, "/today", role=Role.TEACHER)).text
        assert (await send(served, "/notices/x/read", {}, role=Role.TEACHER)).status == 303
