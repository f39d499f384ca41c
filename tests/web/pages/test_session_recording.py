"""A session's recording on its page: who may, what is played, files by range, nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.coordinator.meeting_recording import READ
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId, TeacherId
from sync_classroom.domain.recordings import RecordedFile, Recording, RecordingState
from sync_classroom.domain.timetable import Mode
from tests.support.pages import look, look_in_english, office, send
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.web import Site
from tests.web.pages.test_recording import VIDEO, octets

pytestmark = pytest.mark.asyncio
ONE = OccurrenceId("s-1")
VOICE = RecordedFile(
    "01-seat-t-host-1-t1-1.mp4", "seat:t:host-1-t1", "mp4", 2.0, 600.5, len(VIDEO), None, 640, 360,
    (("video", 60.0, 62.5), ("audio", 70.0, 71.0)),
)  # fmt: skip
LATER = replace(VOICE, name="01-seat-t-host-1-t1-2.mp4", start_s=900.0, width=0, height=0, gaps=())
SCREEN = replace(VOICE, name="02-screen-t-host-1-t1-1.mp4", source="screen:t:host-1-t1", gaps=())
SAVED = Recording(
    ONE, RecordingState.SAVED, "s-1", at("16:00"), at("16:50"), files=(VOICE, LATER, SCREEN)
)
ADDRESS = "/research/s-1/recording/01-seat-t-host-1-t1-1.mp4"


async def recorded(served: Site, recording: Recording = SAVED) -> None:
    session = lesson(
        "s-1", "16:00", "16:50", mode=Mode.RESEARCH, teacher="host-1-t1",
        participants=["remote-1-t1"],
    )  # fmt: skip
    await book(served.store, session, key="s-1", gap_s=0)
    root = served.services.settings.recordings
    assert root is not None
    folder = root / "s-1"
    folder.mkdir(parents=True)
    (folder / VOICE.name).write_bytes(VIDEO)
    (folder / "manifest.json").write_text("{}")
    await served.store.want_recording(ONE, True, by="wang", at=at("16:01"), most=9)
    await served.store.save_recordings([recording])


async def be(served: Site, teacher: str) -> None:
    user = served.users[Role.TEACHER].id
    await served.services.accounts.update_user(user, teacher=TeacherId(teacher))


def played(html: str) -> Any:
    return json.loads(html.partition("data-tracks>")[2].partition("</script>")[0])


async def test_everybody_invited_sees_who_is_recorded_when_on_one_clock(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        await be(served, "remote-1-t1")
        page = await look(served, "/research/s-1", role=Role.TEACHER)
        voice, screen = played(page.html)["tracks"]
        assert (voice["source"], voice["screen"], screen["screen"]) == (
            "seat:t:host-1-t1", False, True,
        )  # fmt: skip
        assert voice["files"] == [
            {"url": ADDRESS, "start_ms": 2000, "end_ms": 602_500, "picture": True,
             "gaps": [[60_000, 62_500]]},
            {"url": ADDRESS.replace("-1.mp4", "-2.mp4"), "start_ms": 900_000,
             "end_ms": 1_500_500, "picture": False, "gaps": []},
        ]  # fmt: skip
        assert screen["name"] == f"{voice['name']} 的屏幕"
        for text in ("已保存", "wang 开始录制", "16:00:02", "每人的文件 （3）"):
            assert text.replace(" ", "") in page.text.replace(" ", "")
        assert f"{ADDRESS}?download" in page.links()
        await look_in_english(served, "/research/s-1")


async def test_teachers_who_are_not_invited_and_the_bureau_read_that_they_may_not(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        await be(served, "remote-5-t1")
        for role in (Role.TEACHER, Role.REVIEWER, Role.OPERATOR):
            page = await look(served, "/research/s-1", role=role)
            assert "只有管理员和受邀教师可以看" in page.text
            assert VOICE.name not in page.html
            assert (await served.ask("GET", ADDRESS, role=role)).status == 403
        assert (await served.ask("GET", ADDRESS)).status == 303
        # Nor by the way that lessons' recordings go, nor into the library.
        way = f"/lessons/s-1/recording/{VOICE.name}"
        for role in (Role.ADMIN, Role.REVIEWER):
            assert (await served.ask("GET", way, role=role)).status == 404
        part = {"file": VOICE.name, "from": "00:01", "to": "00:05", "title": "会", "key": "k"}
        assert (await send(served, "/lessons/s-1/recording/cut", part)).status == 404


async def test_files_come_by_range_and_are_in_the_access_log_once(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        part = {"Range": "bytes=100-199"}
        found = await served.ask("GET", ADDRESS, role=Role.ADMIN, headers=part)
        assert (found.status, await octets(found)) == (206, VIDEO[100:200])
        assert list(await served.store.accesses(what=READ, limit=9)) == []
        kept = await served.ask("GET", ADDRESS + "?download", role=Role.ADMIN)
        assert f"-s-1-{VOICE.name}" in kept.headers["Content-Disposition"]
        (entry,) = await served.store.accesses(what=READ, limit=9)
        assert entry.target == f"s-1/{VOICE.name}"
        for name in ("manifest.json", LATER.name, "%2e%2e%2fother.mp4"):
            answer = await served.ask("GET", f"/research/s-1/recording/{name}", role=Role.ADMIN)
            assert answer.status == 404, name


async def test_what_is_not_finished_or_was_deleted_has_no_player(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served, replace(SAVED, state=RecordingState.FINISHING))
        page = await look(served, "/research/s-1")
        assert "刷新本页就能播放" in page.text
        assert "data-tracks" not in page.html
        gone = replace(SAVED, state=RecordingState.DELETED, deleted_at=at("17:00"))
        await served.store.save_recordings([gone])
        page = await look(served, "/research/s-1")
        assert "按保存期限删除" in page.text
        assert (await served.ask("GET", ADDRESS, role=Role.ADMIN)).status == 404


async def test_a_session_nobody_had_recorded_says_nothing_of_it(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        session = lesson("s-2", "16:00", "16:50", mode=Mode.RESEARCH, teacher="host-1-t1")
        await book(served.store, session, key="s-2", gap_s=0)
        page = await look(served, "/research/s-2")
        assert "recording-title" not in page.html
