"""The meeting page, and a guest's door that opens once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from tests.support.pages import look, office, read, send
from tests.web.test_api_meetings import planned

pytestmark = pytest.mark.asyncio


async def test_the_meeting_is_for_the_invited(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        page = await look(served, "/research/s-1/meeting", role=Role.TEACHER)
        (meeting,) = page.all("div", id="meeting")
        assert (meeting["data-session"], meeting["data-me"]) == ("s-1", "t:remote-1-t1")
        assert page.all("button", data_finish="") == []
        words = json.loads(page.html.partition('id="words">')[2].partition("</script>")[0])
        assert words["leader"] == "主持"
        await look(served, "/research/s-1/meeting", role=Role.ADMIN, status=403)
        answer = await served.ask("GET", "/research/s-1/meeting")
        assert (answer.status, answer.headers["Location"]) == (
            303, "/sign-in?next=%2Fresearch%2Fs-1%2Fmeeting",
        )  # fmt: skip
        page = await look(served, "/research/s-1", role=Role.TEACHER)
        assert "/research/s-1/meeting" in page.links()


async def test_whoever_opens_a_recorded_meeting_reads_so_before_coming_in(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await planned(served)
        for state in ("off", "starting"):
            page = await look(served, "/research/s-1/meeting", role=Role.TEACHER)
            (note,) = page.all("p", data_recording=state)
            assert ("hidden" in note) == (state == "off")
            await served.services.recordings.want(OccurrenceId("s-1"), True, actor="wang")
        shown = page.html.partition("data-recording-words>")[2].partition("<")[0]
        assert "旁听的人不录" in shown


async def test_a_guests_link_is_shown_once_and_used_once(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        page = await read(await send(served, "/research/s-1/guests", {"guest": ""}), 422)
        assert "guest-error" in page.ids
        page = await read(await send(served, "/research/s-1/guests", {"guest": "教研员"}))
        link = page.html.partition('guest-link">')[2].partition("<")[0]
        path = link.removeprefix("http://127.0.0.1")
        assert path.startswith("/research/guest/")
        assert path not in (await look(served, "/research/s-1")).html
        door = await look(served, path, role=None)
        assert door.all("input", name="name")[0]["value"] == "教研员"
        again = await read(await send(served, path, {"name": " "}, role=None), 422)
        assert "name-error" in again.ids
        answer = await send(served, path, {"name": "顾老师"}, role=None)
        assert (answer.status, answer.headers["Location"]) == (303, "/research/s-1/meeting")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        kept = cookie.partition(";")[0]
        inside = await served.ask("GET", "/research/s-1/meeting", headers={"Cookie": kept})
        assert 'data-name="顾老师"' in await inside.text()
        for method in ("GET", "POST"):
            refused = await served.ask(
                method, path, data={"name": "别人"} if method == "POST" else None
            )
            assert refused.status == 409
            assert "link_used" in await refused.text()
        assert (await served.ask("GET", "/research/guest/nonsense")).status == 404
        assert "已用" in (await look(served, "/research/s-1")).text


async def test_only_who_may_change_the_session_invites_guests(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        answer = await send(served, "/research/s-1/guests", {"guest": "客"}, role=Role.TEACHER)
        assert answer.status == 403
