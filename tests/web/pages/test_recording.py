"""A recording on the lesson page: words, files by range, who may watch, no way out of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId, SchoolId, TeacherId
from sync_classroom.domain.recordings import RecordedFile, Recording, RecordingState
from sync_classroom.web.pages.recording import word
from tests.support.documents import GREEN, colour_of, near, turned
from tests.support.pages import look, look_in_english, office, send
from tests.support.plans import at
from tests.support.web import Site, body_of

pytestmark = pytest.mark.asyncio

ENGLISH = OccurrenceId("english")
VIDEO = bytes(range(256)) * 40
FILE = RecordedFile(
    "01-camera-1.mp4", "camera", "mp4", 2.0, 2395.5, len(VIDEO), "ab" * 32, 1280, 720,
    (("video", 60.0, 62.5),), ("01-camera-1-1.jpg",),
)  # fmt: skip
SEAT = RecordedFile(
    "02-seat-english-s1-1.webm", "seat:english-s1", "webm", 600.0, 42.0, 5, None, 320, 240
)
SAVED = Recording(
    ENGLISH, RecordingState.SAVED, "english", at("08:10"), at("08:50"), files=(FILE, SEAT)
)
ADDRESS = "/lessons/english/recording/01-camera-1.mp4"


async def recorded(served: Site, recording: Recording = SAVED) -> None:
    """Files in the folder and in the database, and others that must not be had."""
    root = served.services.settings.recordings
    assert root is not None
    folder = root / "english"
    folder.mkdir(parents=True)
    (folder / FILE.name).write_bytes(VIDEO)
    (folder / SEAT.name).write_bytes(b"webm!")
    (folder / FILE.thumbnails[0]).write_bytes(b"\xff\xd8jpeg")
    (folder / "manifest.json").write_text('{"secret": 1}')
    (root / "other.mp4").write_bytes(b"another lesson's")
    await served.store.save_recordings([recording])


async def octets(answer: aiohttp.ClientResponse) -> bytes:
    """The body of an answer that was read."""
    return (await answer.text("latin-1")).encode("latin-1")


async def test_a_saved_recording_is_shown_with_all_that_is_known(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        page = await look(served, "/lessons/english")
        videos = page.all("video")
        assert [v["src"] for v in videos] == [
            ADDRESS, "/lessons/english/recording/02-seat-english-s1-1.webm",
        ]  # fmt: skip
        assert videos[0]["poster"] == "/lessons/english/recording/01-camera-1-1.jpg"
        for text in (
            "已保存", "主讲摄像头", "08:10:02 · 39 分 55 秒 · 10 KB · 1280×720", "缺失 1 处",
            "08:11:00–08:11:02 没有画面", "SHA-256 " + "ab" * 32, "学校 remote-1 2号直播教室",
        ):  # fmt: skip
            assert text in page.text
        assert ADDRESS + "?download" in page.links()
        english = await look_in_english(served, "/lessons/english")
        assert english.all("video")


async def test_each_file_has_the_pages_shown_meanwhile_on_its_own_time(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        document = await turned(served, "english", (1, "08:15"), (2, "08:20:10"), (None, "08:21"))
        page = await look(served, "/lessons/english")
        camera, seat = [
            json.loads(a["data-pages"] or "") for a in page.all("article", **{"class": "recorded"})
        ]
        assert [(p["page"], p["from_s"], p["to_s"]) for p in camera] == [
            (1, 298, 608), (2, 608, 658),
        ]  # fmt: skip
        assert [(p["page"], p["from_s"], p["to_s"]) for p in seat] == [(1, 0, 10), (2, 10, 42)]
        assert seat[0]["name"] == "课件.pdf"
        picture = await served.ask("GET", camera[1]["url"], role=Role.REVIEWER)
        assert near(colour_of(body_of(picture)), GREEN)
        # What its teacher takes back nobody sees again.
        await served.services.documents.remove(ENGLISH, document.id, by="li")
        page = await look(served, "/lessons/english")
        assert [a.get("data-pages") for a in page.all("article", **{"class": "recorded"})] == [
            None, None,
        ]  # fmt: skip


async def test_files_are_served_by_range_and_to_be_kept(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        whole = await served.ask("GET", ADDRESS, role=Role.ADMIN)
        assert (whole.status, await octets(whole)) == (200, VIDEO)
        assert whole.headers["Content-Type"] == "video/mp4"
        assert whole.headers["Accept-Ranges"] == "bytes"
        assert "media-src 'self' blob:" in whole.headers["Content-Security-Policy"]
        part = await served.ask("GET", ADDRESS, role=Role.ADMIN, headers={"Range": "bytes=100-199"})
        assert (part.status, await octets(part)) == (206, VIDEO[100:200])
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(VIDEO)}"
        beyond = await served.ask(
            "GET", ADDRESS, role=Role.ADMIN, headers={"Range": "bytes=99999-"}
        )
        assert beyond.status == 416
        kept = await served.ask("GET", ADDRESS + "?download", role=Role.REVIEWER)
        assert (
            'filename="2026-11-23-english-01-camera-1.mp4"' in kept.headers["Content-Disposition"]
        )
        picture = await served.ask(
            "GET", "/lessons/english/recording/01-camera-1-1.jpg", role=Role.ADMIN
        )
        assert (picture.status, picture.headers["Content-Type"]) == (200, "image/jpeg")


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json", "other.mp4", "..", "%2e%2e", "..%2fother.mp4", "%2e%2e%2fother.mp4",
        "..%252fother.mp4", "../other.mp4", "/etc/passwd", "%2fetc%2fpasswd", "01-camera-1.mp4%00",
        "01-camera-1.mp4/", "01-CAMERA-1.mp4", "02-camera-1.mp4",
    ],
)  # fmt: skip
async def test_no_address_leads_to_another_file(tmp_path: Path, name: str) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        answer = await served.ask("GET", f"/lessons/english/recording/{name}", role=Role.ADMIN)
        assert answer.status in (400, 404)
        body = await octets(answer)
        assert b"another lesson's" not in body
        assert b"secret" not in body


async def test_a_database_that_names_a_way_out_gets_nowhere(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        for folder, name in (("..", "other.mp4"), (".", "other.mp4"), ("english/..", "other.mp4")):
            outside = replace(SAVED, folder=folder, files=(replace(FILE, name=name),))
            await served.store.save_recordings([outside])
            (tmp_path / "other.mp4").write_bytes(b"outside")
            (tmp_path / "recordings" / "english").mkdir(parents=True, exist_ok=True)
            (tmp_path / "recordings" / "other.mp4").write_bytes(b"outside")
            answer = await served.ask("GET", f"/lessons/english/recording/{name}", role=Role.ADMIN)
            assert answer.status == 404


async def test_only_those_concerned_may_watch(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        teacher = served.users[Role.TEACHER]
        for school, status in (("host-1", 200), ("remote-1", 200), ("remote-3", 403), (None, 403)):
            chosen = None if school is None else SchoolId(school)
            await served.store.update_user(teacher.id, lambda u, s=chosen: replace(u, school=s))
            answer = await served.ask("GET", ADDRESS, role=Role.TEACHER)
            assert answer.status == status, school
            page = await look(served, "/lessons/english", role=Role.TEACHER)
            assert bool(page.all("video")) == (status == 200)
        for role, status in ((Role.ADMIN, 200), (Role.REVIEWER, 200), (Role.OPERATOR, 403)):
            assert (await served.ask("GET", ADDRESS, role=role)).status == status
        assert (await served.ask("GET", ADDRESS)).status == 303  # to the door
        page = await look(served, "/lessons/english", role=Role.OPERATOR)
        assert not page.all("video")
        assert "录像只给管理员" in page.text


async def test_who_watched_is_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        await served.ask("GET", ADDRESS, role=Role.REVIEWER)
        await served.ask("GET", ADDRESS, role=Role.REVIEWER, headers={"Range": "bytes=500-"})
        said = [line for line in capsys.readouterr().out.splitlines() if "watched" in line]
    assert len(said) == 1
    assert "by=reviewer" in said[0]
    assert "file=01-camera-1.mp4" in said[0]


async def test_every_state_has_its_word() -> None:
    full = {"disk_full": True}
    for state, changes, text in (
        (RecordingState.RECORDING, {}, "录制中"),
        (RecordingState.RECORDING, full, "磁盘已满，暂停录制"),
        (RecordingState.FINISHING, {}, "正在整理"),
        (RecordingState.SAVED, {}, "已保存"),
        (RecordingState.SAVED, full, "磁盘已满而停止"),
        (RecordingState.DELETED, full, "已按规定删除"),
        (RecordingState.REFUSED, {}, "没有录成"),
    ):
        assert word(replace(SAVED, state=state, **changes)).text == text  # type: ignore[arg-type]


async def test_what_was_deleted_says_when_and_has_no_player(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        gone = replace(
            SAVED, state=RecordingState.DELETED, deleted_at=at("08:50") + timedelta(days=180)
        )
        await served.store.save_recordings([gone])
        page = await look(served, "/lessons/english")
        assert not page.all("video")
        assert "媒体已于 5月22日 08:50 按保存期限删除" in page.text
        assert "SHA-256" in page.text
        assert (await served.ask("GET", ADDRESS, role=Role.ADMIN)).status == 404


async def test_whether_to_record_is_chosen_on_the_page(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        lessons = await served.store.occurrences_between(at("08:00"), at("23:00"))
        ahead = next(o for o in lessons if o.starts_at > served.clock() and not o.withdrawn)
        address = f"/lessons/{ahead.id}"
        page = await look(served, address)
        assert "现在：录像" in page.text
        answer = await send(served, f"{address}/recording", {"wanted": "no"})
        assert (answer.status, answer.headers["Location"]) == (303, address)
        page = await look(served, address)
        assert "现在：不录像" in page.text
        assert await served.store.recording_wishes([ahead.id]) == {ahead.id: False}
        refused = await send(served, f"{address}/recording", {"wanted": "yes"}, role=Role.TEACHER)
        assert refused.status == 403
        gives = TeacherId(ahead.host.teacher)
        teacher = served.users[Role.TEACHER].id
        await served.store.update_user(teacher, lambda user: replace(user, teacher=gives))
        page = await look(served, address, role=Role.TEACHER)
        assert "现在：不录像" in page.text
        await send(served, f"{address}/recording", {"wanted": "yes"}, role=Role.TEACHER)
        assert await served.store.recording_wishes([ahead.id]) == {ahead.id: True}
        await send(served, f"{address}/recording", {"wanted": "perhaps"})
        assert await served.store.recording_wishes([ahead.id]) == {ahead.id: True}


async def test_where_nothing_can_be_recorded_nothing_is_said_of_it(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/lessons/english")
        assert "录像" not in page.text
        assert (await served.ask("GET", ADDRESS, role=Role.ADMIN)).status == 404
