"""The board of terminals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import TerminalId
from tests.support.pages import look, office, read, send

pytestmark = pytest.mark.asyncio


async def test_every_classroom_is_on_the_board_by_school(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/terminals")
        assert "60 间教室，0 间已注册，0 间在线" in page.text
        assert len(page.all("tr", **{"class": "group"})) == 10
        assert page.text.count("未注册") >= 60


async def test_a_code_is_shown_big_once_and_enrols_a_terminal(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await send(served, "/terminals", {"classroom": "remote-1-r2"})
        page = await read(answer)
        found = re.search(r'<p class="code-big"[^>]*>([2-9A-Z]{4}) ([2-9A-Z]{4})</p>', page.html)
        assert found is not None
        assert "学校 remote-1 · 2号直播教室 的注册码" in page.text
        assert "15:00" in page.text
        terminal, _ = await served.services.enrolment.enrol(
            found[1] + found[2], label="Chromium", address="192.0.2.9"
        )
        assert terminal.classroom == "remote-1-r2"
        page = await look(served, "/terminals")
        assert found[1] not in page.text
        assert "60 间教室，1 间已注册" in page.text


async def test_the_self_check_says_what_works_in_one_breath_and_what_does_not_apart(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        ident, _ = await served.device("remote-1-r1")
        await served.store.touch_terminal(
            TerminalId(ident),
            seen_at=served.clock(),
            page_version="abc123",
            selfcheck={
                "camera": {"state": "ok", "detail": ""},
                "microphone": "ok",
                "speaker": "unknown",
                "path": {"kind": "udp", "rtt_ms": 18.4, "loss": 0.08},
                "clock_offset_ms": -3500,
            },
        )
        page = await look(served, "/terminals")
        assert "扬声器 未确认" in page.text
        assert "摄像头、麦克风 正常" in page.text
        assert "线路 UDP 18 ms 丢包 8.0 %" in page.text
        assert "时钟差 -3500 毫秒" in page.text
        assert "abc123" in page.text
        assert "remote-1-r1" in (await look(served, "/terminals?show=unwell")).text
        assert "remote-1-r2" not in (await look(served, "/terminals?show=unwell")).text


@pytest.mark.parametrize(
    "selfcheck", [{}, {"camera": 3, "path": "udp", "clock_offset_ms": "x"}, {"path": {"kind": 1}}]
)
async def test_a_self_check_of_an_unknown_shape_breaks_nothing(
    tmp_path: Path, selfcheck: dict[str, object]
) -> None:
    async with office(tmp_path) as served:
        ident, _ = await served.device("remote-1-r1")
        await served.store.touch_terminal(
            TerminalId(ident), seen_at=served.clock(), selfcheck=selfcheck
        )
        await look(served, "/terminals")


async def test_filters_count_and_stay_in_the_address(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await served.device("remote-1-r1")
        page = await look(served, "/terminals?show=offline")
        assert page.all("tr", id="room-remote-1-r1")
        assert not page.all("tr", id="room-remote-1-r2")
        assert "离线 1" in page.text
        assert "未注册 59" in page.text
        page = await look(served, "/terminals?show=unwell")
        assert "没有符合筛选的教室" in page.text


async def test_revoking_asks_first_and_is_done_once(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        ident, token = await served.device("remote-1-r1")
        page = await look(served, "/terminals")
        (form,) = page.all("form", action="/terminals/revoke")
        assert "吊销 学校 remote-1 1号直播教室 的终端" in str(form["data-confirm"])
        answer = await send(served, "/terminals/revoke", {"terminal": ident})
        assert answer.headers["Location"] == "/terminals?done=revoked"
        assert await served.services.enrolment.terminal(token) is None
        page = await read(await send(served, "/terminals/revoke", {"terminal": ident}), 404)
        assert "没有这台终端" in page.text


async def test_an_unknown_classroom_gets_no_code(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, "/terminals", {"classroom": "moon"}), 404)
        assert "moon" in page.text


async def test_teachers_and_reviewers_have_no_board(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for role in (Role.TEACHER, Role.REVIEWER):
            await look(served, "/terminals", role=role, status=403)
        await look(served, "/terminals", role=Role.OPERATOR)
