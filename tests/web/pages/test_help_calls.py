"""The operators' page of calls for help."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.help_calls import HelpCall
from sync_classroom.domain.ids import ActId, ClassroomId, TerminalId
from sync_classroom.web.pages.help_calls import CALLS_PER_PAGE
from tests.support.pages import look, office, send
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
STATE: Mapping[str, Any] = {
    "version": "abc123",
    "label": "Chromium 156",
    "selfcheck": {
        "camera": {"state": "ok", "detail": ""},
        "microphone": {"state": "failed", "detail": ""},
        "speaker": {"state": "ok", "detail": ""},
        "path": {"kind": "udp", "rtt_ms": 18.4, "loss": 0.0, "ways": {}},
        "clock_offset_ms": 1,
    },
    "line": {"state": "weak", "kbps": 310.0, "loss": 0.08, "path": "tcp"},
    "errors": [{"ago_s": 60, "text": "<b>early</b>"}, {"ago_s": 5, "text": "late"}],
}


async def call(
    served: Site, ident: str, *, ago_s: int = 0, state: Mapping[str, Any] = STATE
) -> None:
    at = served.clock() - timedelta(seconds=ago_s)
    room, terminal = ClassroomId("remote-1-r2"), TerminalId("t")
    await served.store.add_help_call(
        HelpCall(ActId(ident), room, terminal, None, at, f"情况 {ident}", state)
    )


async def test_a_call_shows_room_state_and_errors_and_who_answered(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert "还没有教室求助过" in (await look(served, "/help")).text
        assert "在求助" not in (await look(served, "/terminals")).text
        await call(served, "help:1")
        page = await look(served, "/help")
        for words in (
            "1 间教室在等人接手", "学校 remote-1 2号直播教室", "情况 help:1", "麦克风 不正常",
            "线路 差 TCP 310 kbit/s 丢包 8.0 %", "abc123", "Chromium 156", "<b>early</b>",
        ):  # fmt: skip
            assert words in page.text, words
        assert page.text.index("late") < page.text.index("<b>early</b>")
        for path in ("/terminals", "/today"):
            assert "1 间教室在求助" in (await look(served, path)).text
        answer = await send(served, "/help/answer", {"call": "help:1"})
        assert (answer.status, answer.headers["Location"]) == (303, "/help?done=help-taken")
        page = await look(served, "/help?part=live")
        assert "没有教室在等。" in page.text
        assert "已接手" in page.text
        assert served.users[Role.ADMIN].name in page.text
        answer = await send(served, "/help/answer", {"call": "help:1"})
        assert answer.headers["Location"] == "/help?done=help-taken-before"
        assert (await send(served, "/help/answer", {"call": "nobody"})).status == 404
        await send(served, "/language", {"language": "en", "back": "/help"})
        assert "Taken on" in (await look(served, "/help")).text


async def test_what_waits_is_on_the_first_page_and_older_calls_on_the_next(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        bare = {"version": "v", "label": "", "selfcheck": None, "line": None, "errors": []}
        await call(served, "first", ago_s=9000, state=bare)
        for n in range(CALLS_PER_PAGE + 1):
            await call(served, f"n{n:02}", ago_s=n)
            await served.store.answer_help_call(ActId(f"n{n:02}"), by="op", at=served.clock())
        page = await look(served, "/help")
        calls = [row["data-call"] for row in page.all("tr") if "data-call" in row]
        assert calls == ["first", *(f"n{n:02}" for n in range(CALLS_PER_PAGE))]
        (older,) = page.all("a", rel="next")
        page = await look(served, str(older["href"]))
        calls = [row["data-call"] for row in page.all("tr") if "data-call" in row]
        assert calls == [f"n{CALLS_PER_PAGE:02}", "first"]
        assert (await look(served, "/help?before=yesterday")).text


async def test_calls_are_the_offices_alone(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for role in (Role.TEACHER, Role.REVIEWER):
            assert (await served.ask("GET", "/help", role=role)).status == 403
