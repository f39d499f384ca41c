"""巡课 in words: every live lesson, its rooms, their lines and head counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.documents import ShownPage
from sync_classroom.domain.floor import Floor, raise_hand, set_present
from sync_classroom.domain.ids import ActId, OccurrenceId, SeatId
from sync_classroom.domain.lesson import LessonRun, LessonState
from tests.support.coordination import peer
from tests.support.documents import RED, ready
from tests.support.pages import look, office
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
MATHS = OccurrenceId("maths")
FIRST, SECOND = SeatId("maths-s0"), SeatId("maths-s1")


async def begin(served: Site, state: LessonState = LessonState.LIVE) -> None:
    at = served.clock()
    run = LessonRun(
        MATHS, state, opened_at=at - timedelta(minutes=10), live_at=at - timedelta(minutes=5)
    )
    await served.store.save_run(run)


async def test_a_live_lesson_shows_its_rooms_with_line_and_head_count(tmp_path: Path) -> None:
    async with office(tmp_path, clock="14:12") as served:
        await begin(served)
        floor = raise_hand(set_present(Floor(MATHS), FIRST, 38), FIRST, served.clock())
        await served.store.save_floor(floor)
        served.relay.peers = [replace(peer("maths", FIRST, "subscribe"), rtt_ms=31.4, loss=0.021)]
        await served.services.media.refresh()
        page = await look(served, "/wall", role=Role.REVIEWER)
        for words in (
            "1 节课正在上 · 收看 1/2 间 · 实到 38 人", "已上 5 分", "实到 38 人（1 间已报）",
            "收看中",            "UDP 31 ms 丢包 2.1 %", "举手", "主讲画面没有到达", "离线",
        ):  # fmt: skip
            assert words in page.text, words
        sources = [li["data-source"] for li in page.all("li") if "data-source" in li]
        assert sources == ["camera", f"seat:{FIRST}", f"seat:{SECOND}"]
        assert "/wall/maths" in page.links()
        part = await look(served, "/wall?part=live", role=Role.REVIEWER)
        assert "<nav" not in part.html
        one = await look(served, "/wall/maths", role=Role.REVIEWER)
        places = [d["data-source"] for d in one.all("div") if "data-source" in d]
        assert places == ["screen", "camera", "called"]
        # The walk is read, not entered: what it shows asks nobody for a picture.
        assert await served.store.accesses(limit=9) == []


async def test_the_signature_of_a_lesson_changes_with_its_seats_only(tmp_path: Path) -> None:
    async with office(tmp_path, clock="14:12") as served:
        await begin(served)
        early = await look(served, "/wall")
        # Of all lessons, of this one, of each room: none has said zero.
        assert early.text.count("实到未报") == 4
        before = [s["data-key"] for s in early.all("section")]
        await served.store.save_floor(set_present(Floor(MATHS), FIRST, 38))
        assert [s["data-key"] for s in (await look(served, "/wall")).all("section")] == before
        await served.services.lessons.cancel(
            MATHS, seat=SECOND, excused=True, reason="停电", actor="admin", key="k"
        )
        after = [s["data-key"] for s in (await look(served, "/wall")).all("section")]
        assert after == [f"maths seat:{FIRST}"] != before


async def test_the_page_that_the_rooms_see_is_on_the_wall(tmp_path: Path) -> None:
    async with office(tmp_path, clock="14:12") as served:
        await begin(served)
        document = await ready(served, RED, RED, to="maths")
        planned = await served.store.get_occurrence(MATHS)
        assert planned is not None
        shown = ShownPage(document.id, 2)
        await served.services.floor.show_page(planned, shown, act=ActId("1"))
        picture = f"/api/lessons/maths/documents/{document.id}/pages/2?size=small"
        for path in ("/wall", "/wall/maths"):
            page = await look(served, path, role=Role.REVIEWER)
            assert [i["src"] for i in page.all("img")] == [picture], path
            assert "第 2 页，共 2 页" in page.text, path
        await served.services.floor.show_page(planned, None, act=ActId("2"))
        assert (await look(served, "/wall", role=Role.REVIEWER)).all("img") == []


async def test_empty_and_waiting_say_what_comes(tmp_path: Path) -> None:
    async with office(tmp_path, clock="13:55") as served:
        assert "现在没有课在上" in (await look(served, "/wall")).text
        assert "这节课现在不在上" in (await look(served, "/wall/maths")).text
        await begin(served, LessonState.OPEN)
        page = await look(served, "/wall")
        assert "快要开始" in page.text
        assert "14:00 数学" in page.text


async def test_the_walk_is_for_administrators_and_bureau(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for role in (Role.TEACHER, Role.OPERATOR):
            for path in ("/wall", "/wall/maths"):
                assert (await served.ask("GET", path, role=role)).status == 403
