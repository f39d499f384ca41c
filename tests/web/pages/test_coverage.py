"""The coverage page shows the figures that the known facts give, and leads down to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import EndReason, LessonRun, LessonState
from sync_classroom.web.pages.coverage_tables import HEADLINES
from tests.support.pages import Page, look, office
from tests.support.plan_changes import mark_stale
from tests.support.plans import at

pytestmark = pytest.mark.asyncio

MONDAY = "/coverage?from=2026-11-23&to=2026-11-23"


def figure(page: Page, code: str) -> str:
    """The text of one headline figure."""
    part = page.html.partition(f'data-measure="{code}"')[2].partition("<dd>")[2]
    return Page(f"<p>{part.partition('</dd>')[0]}</p>").text


async def test_the_headline_is_exact(tmp_path: Path) -> None:
    """English: held, partial, missed. Maths (two seats) is planned for later the same day."""
    async with office(tmp_path) as served:
        page = await look(served, MONDAY, role=Role.REVIEWER)
        assert figure(page, "held_rate").startswith("20.0 % (1/5)")
        assert figure(page, "due_periods") == "5"
        assert figure(page, "held_periods") == "1"
        assert figure(page, "school_coverage") == "12.5 % (1/8)"
        assert figure(page, "classroom_coverage") == "2.1 % (1/48)"
        assert figure(page, "credited_s") == "50 分 00 秒"
        assert figure(page, "build_progress") == "100.0 % (48/48)"
        assert "其中 2 课时还没上完，暂按未开计" in page.text
        assert "规则 taicang 第 1 版" in page.text
        assert "截至 11月23日 10:00" in page.text


async def test_what_is_kept_is_shown_and_what_waits_is_named(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert "正在计入" not in (await look(served, MONDAY)).text
        await served.services.lessons.cancel(
            OccurrenceId("maths"), excused=True, reason="停电", actor="admin", key="k"
        )
        page = await look(served, MONDAY)
        assert figure(page, "due_periods") == "5"
        assert "有 1 节课次的最新记录正在计入" in page.text


async def test_an_excused_lesson_is_not_due(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await served.services.lessons.cancel(
            OccurrenceId("maths"), excused=True, reason="停电", actor="admin", key="k"
        )
        await served.services.coverage.settle()
        page = await look(served, MONDAY)
        assert figure(page, "held_rate").startswith("33.3 % (1/3)")
        assert "暂按未开计" not in page.text
        page = await look(served, MONDAY + "&state=cancelled_excused")
        assert "2 个听讲席" in page.text


async def test_a_lesson_that_cannot_be_counted_is_said_beside_the_figures(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await mark_stale(served.store, [OccurrenceId("english"), OccurrenceId("maths")])
        page = await look(served, MONDAY)
        assert "有 2 节课次的最新记录正在计入" in page.text
        assert "无法计算" not in page.text
        await served.store.set_aside(
            OccurrenceId("english"), [], at=served.clock(), error="ValueError: odd fact"
        )
        page = await look(served, MONDAY)
        assert "有 1 节课次的最新记录正在计入" in page.text
        assert "有 1 节课次的记录无法计算" in page.text


async def test_schools_rooms_and_seats_lead_down_to_lesson_and_samples(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, MONDAY)
        assert "学校 remote-1 3 1 33.3 % (1/3) 50 分 00 秒 16.7 % (1/6)" in page.text
        assert "合计 5 1 20.0 % (1/5) 50 分 00 秒 2.1 % (1/48)" in page.text
        links = page.links()
        assert "/coverage/schools/remote-1?from=2026-11-23&to=2026-11-23" in links
        assert "/lessons/english#seat-english-s1" in links
        assert "/lessons/english?samples=english-s1#samples" in links
        assert "5 个听讲席" in page.text
        page = await look(served, MONDAY + "&school=remote-1&room=remote-1-r2")
        assert "1 个听讲席" in page.text
        assert "10 分 00 秒 / 40 分 00 秒 0.250 部分 终端离线" in page.text


async def test_seats_are_filtered_by_state_and_lessons_to_come_have_not_failed(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        for state, seats in (("held", 1), ("partial", 1), ("missed", 1), ("waiting", 2)):
            page = await look(served, f"{MONDAY}&state={state}")
            assert f"{seats} 个听讲席" in page.text, state
        page = await look(served, MONDAY + "&state=unknown")
        assert "没有符合条件的听讲席" in page.text


async def test_a_lesson_ended_early_is_judged_at_once_here_as_on_its_own_page(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, clock="14:05") as served:
        maths = OccurrenceId("maths")
        begun = LessonRun(maths, LessonState.LIVE, opened_at=at("13:50"), live_at=at("14:00"))
        run = await served.store.save_run(begun)
        assert run is not None
        await served.services.coverage.settle()
        assert "2 个听讲席" in (await look(served, MONDAY + "&state=waiting")).text
        assert "主讲缺席" not in (await look(served, "/lessons/maths")).text
        ended = replace(run, state=LessonState.ENDED, ended_at=at("14:05"))
        assert await served.store.save_run(replace(ended, end_reason=EndReason.BUTTON))
        await served.services.coverage.settle()
        page = await look(served, MONDAY)
        assert "还没上完" not in page.text
        assert "2 个听讲席" not in (await look(served, MONDAY + "&state=waiting")).text
        assert "3 个听讲席" in (await look(served, MONDAY + "&state=missed")).text
        lesson_page = await look(served, "/lessons/maths")
        for text in (page.text, lesson_page.text):
            assert "主讲缺席" in text


async def test_weeks_and_modes_are_shown_as_far_as_there_is_data(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, MONDAY)
        assert "第13周" in page.text
        assert "/coverage/schools/remote-1?from=2026-11-23&to=2026-11-23" in page.links()
        assert "同步帮扶直播" in page.text
        assert "数学" in page.text


async def test_a_rate_is_compared_with_the_days_before_if_there_was_anything(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/coverage?from=2026-11-24&to=2026-11-24")
        assert figure(page, "due_periods") == "0 较上期 -5，下降 上期 5"
        assert figure(page, "held_rate") == "— (0/0) 上期 20.0 % (1/5)"
        page = await look(served, "/coverage?from=2026-11-24&to=2026-11-24&compare=none")
        assert figure(page, "due_periods") == "0"
        assert "较上期" not in figure(await look(served, MONDAY), "held_rate")
        own = "&compare=own&compare_from=2026-11-23&compare_to=2026-11-23"
        page = await look(served, f"/coverage?from=2026-11-24&to=2026-11-24{own}")
        assert figure(page, "due_periods") == "0 较对照期 -5，下降 对照期 5"
        assert "对照期 2026年11月23日" in page.text
        kept = "from=2026-11-24&to=2026-11-24" + own
        assert f"/coverage/compare?{kept}" in page.links()
        assert f"/coverage/schools/remote-1?{kept}" in page.links()
        page = await look(served, f"{MONDAY}&compare=rubbish%22%3E&compare_from=%3Cb%3E")
        assert "/coverage/compare?from=2026-11-23&to=2026-11-23" in page.links()


async def test_a_wrong_period_to_compare_with_is_explained(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, f"{MONDAY}&compare=own&compare_from=2026-11-09&compare_to=x")
        assert "对照期的起止日期要写成" in page.text
        assert "与上期比较" in page.text
        # The choice and the date that is one stay where they were typed.
        assert page.all("option", value="own")[0].get("selected", "no") is None
        assert page.all("input", name="compare_from")[0]["value"] == "2026-11-09"
        assert page.all("input", name="compare_to")[0]["value"] == "2026-11-22"
        page = await look(served, f"{MONDAY}&compare=term")
        assert "没有可对照的上学期" in page.text


async def test_an_empty_period_has_no_rates_and_says_what_to_do(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/coverage?from=2026-10-01&to=2026-10-02", role=Role.REVIEWER)
        assert figure(page, "held_rate") == "— (0/0)"
        assert "0.0 % (0/8)" in figure(page, "school_coverage")
        assert "这段时间没有安排课次" in page.text
        assert "/lessons/new" not in page.links()


async def test_a_bad_period_is_explained_and_the_usual_one_shown(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/coverage?from=2026-11-23&to=2026-11-01")
        assert "截止日期早于起始日期" in page.text
        assert page.all("input", name="from")[0]["value"] == "2026-09-01"


async def test_presets_and_filters_stay_in_the_address(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/coverage?from=2026-11-23&to=2026-11-23&school=remote-1")
        assert "/coverage?school=remote-1&period=week" in page.links()
        assert page.all("input", name="school")[0]["value"] == "remote-1"
        for role in (Role.TEACHER, Role.OPERATOR):
            await look(served, "/coverage", role=role, status=403)


async def test_a_formula_stands_beside_each_figure_with_rules_and_cut_off(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, MONDAY)
        about = page.html.count('<details class="about">')
        assert about == len(HEADLINES)
        assert "有效听讲时长 ≥ 计划时长的 80 %" in page.text
        assert page.text.count("规则 taicang 第 1 版 · 截至 11月23日 10:00") == about + 1
        assert "/settings/rules" in page.links()


async def test_evidence_and_adjusted_share_are_headlines(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, MONDAY)
        assert figure(page, "evidence_complete") == "100.0 % (5/5)"
        assert figure(page, "adjusted_share") == "0.0 % (0/3000)"


async def test_what_is_built_is_set_against_the_targets(tmp_path: Path) -> None:
    targets = ((date(2019, 12, 31), 16), (date(2022, 12, 31), 48), (date(2030, 1, 1), 60))
    async with office(tmp_path, targets=targets) as served:
        page = await look(served, MONDAY)
        assert "2019年12月31日 16 间 0.0 % (0/48) 差 16 间" in page.text
        assert "2022年12月31日 48 间 100.0 % (48/48) 达到" in page.text
        assert "2030年1月1日 60 间 48 间 还差 12 间" in page.text
        assert page.all("svg", role="img")
    async with office(tmp_path / "none") as served:
        assert "目标日期" not in (await look(served, MONDAY)).text


async def test_host_schools_and_teachers_have_what_they_gave(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, MONDAY)
        given = page.text.partition("主讲校 的帮扶")[2] or page.text.partition("主讲校的帮扶")[2]
        assert "1 100.0 % (2400/2400) 40 分 00 秒 33.3 % (1/3)" in given
        assert "主讲教师的帮扶" in given


async def test_what_is_looked_at_is_remembered(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await look(served, MONDAY, role=Role.REVIEWER)
        (entry,) = await served.services.coverage.accesses(what="coverage.page")
        assert (entry.actor, entry.target) == ("reviewer", "2026-11-23…2026-11-23")
