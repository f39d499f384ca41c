"""The lesson page: exact figures, words for every gap, and withdrawing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync_classroom.coordinator.ports import IngestStatus
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import ActId, OccurrenceId, SeatId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.room_messages import RoomMessage
from tests.support.pages import look, office, read, send

pytestmark = pytest.mark.asyncio


async def test_the_picture_shows_what_the_facts_prove(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/lessons/english")
        labels = [str(s["aria-label"]) for s in page.all("svg", role="group")]
        assert labels == [
            "主讲画面到达 40 分 00 秒",
            "学校 remote-1 1号直播教室 有效听讲 40 分 00 秒",
            "学校 remote-1 2号直播教室 有效听讲 10 分 00 秒",
            "学校 remote-2 1号直播教室 有效听讲 0 秒",
        ]
        for word in ("已开", "部分", "未开", "1.000", "0.250", "0.000", "教师下课"):
            assert word in page.text
        gaps = [str(g["aria-label"]) for g in page.all("g", role="img")]
        assert gaps == [
            "2号直播教室 08:20:00–08:50:00，30 分 00 秒：终端不在线，没有可以发送的对象",
            "1号直播教室 08:10:00–08:50:00，40 分 00 秒：终端不在线，没有可以发送的对象",
        ]
        assert all(g["tabindex"] == "0" for g in page.all("g", role="img"))


async def test_bars_stand_where_their_samples_do(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/lessons/english")
        bars = page.all("rect", **{"class": "bar-counted"})
        # Axis: 08:09–08:51, 2520 s, and 2 % of it on either side.
        whole, margin = 2520 * 1.04, 2520 * 0.02
        x = f"{(60 + margin) / whole * 100:.4f}%"
        assert [(b["x"], b["width"]) for b in bars if b.get("x")] == [
            (x, f"{2400 / whole * 100:.4f}%"),
            (x, f"{600 / whole * 100:.4f}%"),
        ]


async def test_samples_of_one_seat_are_listed_raw(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/lessons/english")
        assert "?samples=english-s1#samples" in page.links()
        assert "english-s1-0-0" not in page.text
        page = await look(served, "/lessons/english?samples=english-s1")
        assert "08:10:00–08:10:10 500 500 100.0 % 500000 english-s1-0-0" in page.text
        assert "english-s1-0-59" in page.text
        assert "english-s0-0-0" not in page.text
        page = await look(served, "/lessons/english?samples=english-s2")
        assert "没有样本" in page.text


async def test_questions_stand_with_what_all_rooms_answered(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert "课堂提问" not in (await look(served, "/lessons/english")).text
        english = await served.store.get_occurrence(OccurrenceId("english"))
        assert english is not None
        floor = served.services.floor
        await floor.ask(english, "3 × 4 = ?", ["7", "12"], act=ActId("1"))
        for n, (seat, counts) in enumerate(zip(english.seats, [(1, 38), (2, 30)], strict=False)):
            await floor.answer(english, 1, seat.id, counts, act=ActId(f"a{n}"))
        await floor.ask(english, "", ["", ""], act=ActId("2"))
        page = await look(served, "/lessons/english")
        assert "3 × 4 = ? A 7 3 · B 12 68 2/3 71" in page.text
        assert "第 2 题（口头） A 0 · B 0 0/3 0" in page.text


async def test_messages_of_rooms_are_kept_as_text(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert "教室留言" not in (await look(served, "/lessons/english")).text
        seat = SeatId("english-s1")
        for n, (seconds, text) in enumerate([(9, "<b>好</b>"), (3, "听不清")]):
            moment = datetime(2026, 11, 23, 0, 30, seconds, tzinfo=UTC)
            await served.store.add_message(
                RoomMessage(ActId(f"{n}"), OccurrenceId("english"), seat, moment, text)
            )
        text = (await look(served, "/lessons/english")).text
        assert (
            "08:30:03 学校 remote-1 · 2号直播教室 听不清"
            " 08:30:09 学校 remote-1 · 2号直播教室 <b>好</b>" in text
        )


async def test_a_planned_lesson_has_neither_gaps_nor_blame(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/lessons/maths")
        assert page.all("g", role="img") == []
        assert "未上线" in page.text
        assert "未开" not in page.text.replace("算未开", "")


async def test_only_an_administrator_is_offered_to_cancel(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert page_has_cancel(await look(served, "/lessons/maths"))
        assert not page_has_cancel(await look(served, "/lessons/maths", role=Role.TEACHER))
        assert not page_has_cancel(await look(served, "/lessons/english"))
        answer = await send(served, "/lessons/maths/cancel", {}, role=Role.TEACHER)
        assert answer.status == 403


def page_has_cancel(page: object) -> bool:
    return bool(page.all("form", action="/lessons/maths/cancel"))  # type: ignore[attr-defined]


async def test_cancelling_needs_a_reason_and_a_kind_and_loses_nothing(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await send(
            served, "/lessons/maths/cancel", {"seat": "maths-s1", "reason": "", "key": "k1"}
        )
        page = await read(answer, 422)
        assert "请写明原因" in page.text
        assert "请选择这次取消算不算有因" in page.text
        assert page.all("option", value="maths-s1", selected="") or any(
            "selected" in o for o in page.all("option", value="maths-s1")
        )
        assert page.all("input", name="key")[0]["value"] == "k1"
        answer = await send(
            served, "/lessons/maths/cancel", {"reason": "停" * 201, "excused": "yes"}
        )
        assert "原因最多 200 个字" in (await read(answer, 422)).text


async def test_one_seat_is_cancelled_once_however_often_the_form_is_sent(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        fields = {"seat": "maths-s1", "reason": "教室维修", "excused": "yes", "key": "one"}
        for _ in range(2):
            answer = await send(served, "/lessons/maths/cancel", fields)
            assert answer.status == 303
            assert answer.headers["Location"] == "/lessons/maths?done=seat-cancelled"
        lesson = await served.store.get_occurrence(OccurrenceId("maths"))
        assert lesson is not None
        assert [(c.seat, c.excused, c.reason, c.by) for c in lesson.changes] == [
            ("maths-s1", True, "教室维修", "admin")
        ]
        page = await look(served, "/lessons/maths?done=seat-cancelled")
        assert "这间教室已从本课次中取消" in page.text
        assert "取消一间教室" in page.text
        assert "教室维修" in page.text
        # It is offered once, to be restored, and no longer to be cancelled.
        assert len(page.all("option", value="maths-s1")) == 1


async def test_the_whole_lesson_is_cancelled(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await send(
            served, "/lessons/maths/cancel", {"reason": "停电", "excused": "no", "seat": ""}
        )
        assert answer.headers["Location"] == "/lessons/maths?done=lesson-cancelled"
        page = await look(served, "/lessons/maths")
        assert "整节取消" in page.text
        assert "无因" in page.text
        assert not page_has_cancel(page)


async def test_what_the_service_refuses_is_said_on_the_page(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        fields = {"reason": "停电", "excused": "yes"}
        page = await read(await send(served, "/lessons/english/cancel", fields), 409)
        assert page.all("div", role="alert")
        answer = await send(served, "/lessons/nothing/cancel", fields)
        assert answer.status == 404


async def test_a_recording_host_is_shown_with_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    host = IngestStatus(
        "maths", "rtsp://192.0.2.10/main", "failed", "b_frames", ("long_gop",), 0, 0, None, 3.0, 0
    )
    async with office(tmp_path, clock="14:12") as served:
        maths = OccurrenceId("maths")
        start = (await served.services.lessons.view(maths)).occurrence.starts_at  # type: ignore[union-attr]
        run = LessonRun(maths, LessonState.LIVE, opened_at=start, live_at=start)
        await served.store.save_run(run)
        assert "录播主机" not in (await look(served, "/lessons/maths")).text
        for state, word in (("failed", "录播无画面"), ("connecting", "录播连接中")):
            served.relay.ingests[:] = [replace(host, state=state)]
            await served.services.media.refresh()
            page = await look(served, "/lessons/maths")
            assert f"{word} 录播主机 rtsp://192.0.2.10/main" in " ".join(page.text.split())
            assert "视频含 B 帧，浏览器无法实时播放。" in page.text
            assert "关键帧间隔超过 4 秒" in page.text
        told = await served.ask("GET", "/api/lessons/maths", role=Role.ADMIN)
        assert (await told.json())["host"]["ingest"] == {
            "source": "rtsp://192.0.2.10/main",
            "state": "connecting",
            "reason": "b_frames",
        }
