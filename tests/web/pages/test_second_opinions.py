"""A terminal's own word beside the evidence: under each seat's line, as shares, and as a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.web.pages import second_opinions
from tests.support.pages import english, look, office
from tests.support.terminal_journals import noted_all_through
from tests.support.web import Site

pytestmark = pytest.mark.asyncio

MONDAY = "from=2026-11-23&to=2026-11-23"


async def noted(served: Site) -> None:
    """The first seat's terminal missed three minutes, the second's says what the relay does."""
    lesson = english()
    first = noted_all_through(lesson, "english-s0", classroom="remote-1-r1", silent=(600, 780))
    second = noted_all_through(lesson, "english-s1", classroom="remote-1-r2", silent=(600, 2400))
    for samples in (first, second):
        await served.store.append_samples(samples, received_at=lesson.ends_at)
    await served.services.coverage.settle()


async def test_the_lesson_shows_a_second_line_where_there_is_one(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert "终端自述" not in (await look(served, "/lessons/english")).text
        await noted(served)
        page = await look(served, "/lessons/english")
        labels = [str(s["aria-label"]) for s in page.all("svg", role="group")]
        assert [x for x in labels if "终端自述" in x] == [
            "1号直播教室的终端自述：终端收到较少。对照 40 分 00 秒，终端少 3 分 00 秒",
            "2号直播教室的终端自述：终端一致。对照 40 分 00 秒，全部一致",
        ]
        sentences = [str(g["aria-label"]) for g in page.all("g", **{"class": "gap second-less"})]
        assert sentences == [
            "1号直播教室 08:20:00–08:23:00，3 分 00 秒：只有服务器记为送达，终端自己没有收到"
        ]
        # The evidence above it is what it was.
        assert "学校 remote-1 1号直播教室 有效听讲 40 分 00 秒" in labels


async def test_bars_of_the_terminal_stand_on_the_same_axis(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await noted(served)
        page = await look(served, "/lessons/english")
        counted = page.all("rect", **{"class": "bar-counted"})[1]
        ours = [b for b in page.all("rect", **{"class": "bar-second"}) if b.get("x")]
        assert (ours[2]["x"], ours[2]["width"]) == (counted["x"], counted["width"])
        assert len(ours) == 3


async def test_raw_samples_show_both_clocks(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await noted(served)
        page = await look(served, "/lessons/english?samples=english-s0")
        assert "终端自己的样本" in page.text
        assert "08:10:00–08:10:10 08:10:00 采样时 10.0 s 150 60000 ts:" in page.text


async def test_what_was_deleted_is_said_and_the_verdict_stays(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await noted(served)
        [kept, _] = await served.store.opinions_of([OccurrenceId("english")])

        async def none_left(_: object) -> list[object]:
            return []

        served.store.samples_of = none_left  # type: ignore[method-assign, assignment]
        page = await look(served, "/lessons/english?samples=english-s0")
        assert "终端样本已按保存期限删除" in page.text
        assert "终端少 3 分 00 秒" in page.text
        assert "终端自己的样本" not in page.text
        assert kept.relay_only_s == 180


async def test_coverage_shows_shares_and_leads_to_those_that_differ(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, f"/coverage?{MONDAY}")
        assert "这段时间还没有终端日志。" in page.text
        await noted(served)
        page = await look(served, f"/coverage?{MONDAY}", role=Role.REVIEWER)
        assert "有第二意见（占应开） 2 40.0 % (2/5)" in page.text
        assert "终端一致 1 50.0 % (1/2)" in page.text
        assert "终端收到较少 1 50.0 % (1/2)" in page.text
        assert f"/coverage/second-opinions?{MONDAY}" in page.links()
        listed = await look(served, f"/coverage/second-opinions?{MONDAY}", role=Role.REVIEWER)
        assert "/lessons/english#second-english-s0" in listed.links()
        assert "/lessons/english#second-english-s1" not in listed.links()
        assert "40 分 00 秒 3 分 00 秒 0 秒" in listed.text
        agreeing = await look(served, f"/coverage/second-opinions?{MONDAY}&verdict=agrees")
        assert "/lessons/english#second-english-s1" in agreeing.links()
        more = await look(served, f"/coverage/second-opinions?{MONDAY}&verdict=more")
        assert "没有这样的听讲席" in more.text
        far = await look(served, f"/coverage/second-opinions?{MONDAY}&page=9999&verdict=?")
        assert "没有这样的听讲席" in far.text


async def test_a_long_list_has_pages(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await noted(served)
        [one, _] = await served.store.opinions_of([OccurrenceId("english")])
        listed = [one] * (second_opinions.PER_PAGE + 1)

        async def many(*_: object, skip: int, limit: int, **__: object) -> list[object]:
            return listed[skip : skip + limit]

        served.store.opinions = many  # type: ignore[method-assign, assignment]
        first = await look(served, f"/coverage/second-opinions?{MONDAY}")
        assert first.html.count("second-english-s0") == second_opinions.PER_PAGE
        assert any("page=2" in link for link in first.links())
        last = await look(served, f"/coverage/second-opinions?{MONDAY}&page=2")
        assert last.html.count("second-english-s0") == 1
        assert any("page=1" in link for link in last.links())
