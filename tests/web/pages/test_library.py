"""The library's pages: list and filters, preview by kind, versions, changes, deletion, cutting."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import SchoolId, TeacherId
from sync_classroom.web.pages.library import parse_mark
from tests.relay.recording.test_page_pack import read_pack
from tests.support.documents import GREEN, RED, colour_of, near, turned
from tests.support.library import PDF, PNG, added, recorded, send, take
from tests.support.pages import look, look_in_english, office, read
from tests.support.pages import send as post
from tests.support.recordings import items
from tests.support.web import body_of

pytestmark = pytest.mark.asyncio

MP4 = b"\0\0\0\x18ftypisom\0\0\2\0" + bytes(500)
MP3 = b"ID3\x04" + bytes(500)


async def test_an_empty_library_says_what_to_do_next(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/library", role=Role.TEACHER)
        assert "资源库还是空的" in page.text
        # The browser's own control speaks the browser's language; what is seen is our label.
        (control,) = page.all("input", type="file")
        assert control["class"] == "visually-hidden"
        assert "选择文件… 还没有选择文件" in page.text
        reader = await look(served, "/library", role=Role.REVIEWER)
        assert not reader.all("input", type="file")
        assert (await served.ask("GET", "/library", role=Role.OPERATOR)).status == 403
        assert (await served.ask("GET", "/library")).status == 303
        english = await look_in_english(served, "/library")
        assert "Choose a file… No file chosen yet" in english.text


async def test_the_list_is_filtered_by_words_subject_grade_and_kind(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await added(served, key="1", title="古诗三首", subject="语文", grade=3, note="第二课时")
        await added(served, "图.png", PNG, key="2", title="口算", subject="数学", grade=4)
        for query, shown in (
            ("", {"古诗三首", "口算"}),
            ("?q=古诗+第二", {"古诗三首"}),
            ("?subject=数学", {"口算"}),
            ("?grade=3", {"古诗三首"}),
            ("?kind=image", {"口算"}),
            ("?kind=nonsense&grade=99", {"古诗三首", "口算"}),
            ("?q=没有", set()),
        ):
            page = await look(served, "/library" + query)
            assert {t for t in ("古诗三首", "口算") if t in page.text} == shown, query
        assert "没有符合条件的资源" in page.text
        assert "66 KB" in (await look(served, "/library")).text


@pytest.mark.parametrize(
    ("name", "data", "tag"),
    [("a.pdf", PDF, "iframe"), ("a.png", PNG, "img"), ("a.mp4", MP4, "video"),
     ("a.mp3", MP3, "audio")],
)  # fmt: skip
async def test_every_kind_is_previewed_by_what_shows_it(
    tmp_path: Path, name: str, data: bytes, tag: str
) -> None:
    async with office(tmp_path) as served:
        ident = await added(served, name, data)
        page = await look(served, f"/library/{ident}", role=Role.REVIEWER)
        url = f"/library/{ident}/files/1"
        assert [t.get("src") for t in page.all(tag)] == [url]
        part = await served.ask("GET", url, role=Role.REVIEWER, headers={"Range": "bytes=5-9"})
        assert (part.status, body_of(part)) == (206, data[5:10])
        policy = part.headers["Content-Security-Policy"]
        assert ("frame-ancestors 'self'" in policy) == (tag == "iframe")
        assert part.headers["X-Frame-Options"] == ("SAMEORIGIN" if tag == "iframe" else "DENY")
        assert "script-src" not in policy
        kept = await served.ask("GET", url + "?download", role=Role.REVIEWER)
        assert kept.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{name}"


async def test_reading_and_changing_is_in_the_access_log_once_for_a_file(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        ident = await added(served)
        url = f"/library/{ident}/files/1"
        await served.ask("GET", url, role=Role.REVIEWER)
        await served.ask("GET", url, role=Role.REVIEWER, headers={"Range": "bytes=100-"})
        entries = await served.store.accesses(limit=10)
        assert [(e.what, e.target) for e in entries] == [
            ("resource.read", f"{ident}/1"), ("resource.add", ident),
        ]  # fmt: skip
        page = await look(served, "/access-log")
        assert "打开或下载资源" in page.text


async def test_details_are_changed_and_complaints_stand_at_their_field(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        ident = await added(served)
        good = {
            "title": "新标题",
            "subject": "科学",
            "grade": "5",
            "teacher": "host-1-t1",
            "note": "",
        }
        answer = await post(served, f"/library/{ident}", good, role=Role.TEACHER)
        assert (answer.status, answer.headers["Location"]) == (303, f"/library/{ident}?done=saved")
        page = await look(served, f"/library/{ident}")
        assert "新标题" in page.text
        assert "科学 · 5 年级" in page.text
        for wrong, sentence in (
            ({"title": ""}, "请填写标题"),
            ({"title": "长" * 121}, "最多 120 个字"),
            ({"grade": "13"}, "年级须为 1 到 12"),
            ({"teacher": "nobody"}, "没有编号为“nobody”"),
        ):
            refused = await read(
                await post(served, f"/library/{ident}", good | wrong, role=Role.TEACHER), 422
            )
            assert sentence in refused.text
        assert (await post(served, "/library/r-none", good)).status == 404


async def test_deleting_needs_a_reason_and_leaves_the_record_only(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        ident = await added(served)
        refused = await read(
            await post(served, f"/library/{ident}/delete", {"reason": " "}, role=Role.TEACHER), 422
        )
        assert "请写明原因" in refused.text
        answer = await post(
            served, f"/library/{ident}/delete", {"reason": "重复"}, role=Role.TEACHER
        )
        assert answer.headers["Location"] == "/library?done=resource-deleted"
        assert list((tmp_path / "library" / "files").iterdir()) == []
        assert (await served.ask("GET", f"/library/{ident}/files/1", role=Role.ADMIN)).status == 404
        await look(served, f"/library/{ident}", status=404)
        [gone] = await served.store.resources_by_id([ident])  # type: ignore[list-item]
        assert gone.deleted is not None
        assert gone.deleted.reason == "重复"


async def test_only_its_teacher_and_administrators_see_and_do_changes(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        ident = await added(served, role=Role.ADMIN)
        page = await look(served, f"/library/{ident}", role=Role.TEACHER)
        assert not page.all("button", **{"class": "button danger"})
        for path in (f"/library/{ident}", f"/library/{ident}/delete"):
            answer = await post(served, path, {"title": "x", "reason": "x"}, role=Role.TEACHER)
            assert answer.status in (403, 422)
            answer = await post(served, path, {"title": "x", "reason": "x"}, role=Role.REVIEWER)
            assert answer.status == 403
        upload = await send(served, "b.png", PNG)
        answer = await take(served, upload, key="k2", resource=ident)
        assert (answer.status, (await answer.json())["code"]) == (403, "resource_forbidden")
        [found] = await served.store.resources(limit=5)
        assert found.details.title == "标题"


# ---------------------------------------------------------------------------- cutting


CUT = {"key": "c", "file": "01-camera-1.mp4", "title": "导入环节", "from": "00:01", "to": "0:03"}


async def test_a_part_of_a_recording_becomes_a_resource_of_its_lesson(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        lesson = await look(served, "/lessons/english")
        assert lesson.all("form", action="/lessons/english/recording/cut")
        answer = await post(served, "/lessons/english/recording/cut", CUT)
        assert answer.status == 303, await answer.text()
        again = await post(served, "/lessons/english/recording/cut", CUT)
        assert again.headers["Location"] == answer.headers["Location"]
        [made] = await served.store.resources(limit=5)
        assert (made.details.title, made.details.subject, made.details.lesson) == (
            "导入环节", "英语", "english",
        )  # fmt: skip
        assert made.details.teacher == "host-1-t1"
        version = made.latest
        assert version.cut is not None
        assert version.cut.from_s == pytest.approx(1.0, abs=0.05)
        assert version.duration_s == pytest.approx(2.0, abs=0.05)
        held = items(tmp_path / "library" / "files" / version.file)
        assert sum(item.kind == "video" for item in held) == 50
        page = await look(served, answer.headers["Location"])
        assert page.all("video")
        assert "/lessons/english" in page.links()
        other = await post(served, "/lessons/english/recording/cut", CUT | {"to": "00:04"})
        assert other.headers["Location"] != answer.headers["Location"]


async def test_a_part_of_a_recording_has_the_pages_that_were_shown_in_it(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        # It begins at 08:10:00, the part a second later.
        await turned(served, "english", (1, "08:09"), (2, "08:10:02"), (None, "08:10:02.500"))
        answer = await post(served, "/lessons/english/recording/cut", CUT)
        assert answer.status == 303, await answer.text()
        [made] = await served.store.resources(limit=5)
        path = tmp_path / "library" / "files" / made.latest.file
        assert made.latest.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        found = read_pack(path)
        assert [(p["page"], p["from_s"], p["to_s"]) for p, _ in found] == [
            (1, 0, pytest.approx(1, abs=0.05)),
            (2, pytest.approx(1, abs=0.05), pytest.approx(1.5, abs=0.05)),
        ]
        for (_, picture), colour in zip(found, (RED, GREEN), strict=True):
            assert near(colour_of(picture), colour)
        assert [p.name for p in path.parent.iterdir()] == [path.name]


async def test_marks_and_files_that_are_wrong_are_refused_by_name(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        for wrong, status, sentence in (
            ({"from": "soon"}, 422, "分:秒"),
            ({"to": ""}, 422, "分:秒"),
            ({"from": "00:03", "to": "00:01"}, 422, "起点须早于终点"),
            ({"to": "01:00"}, 422, "4 秒之内"),
            ({"title": " "}, 422, "请填写标题"),
            ({"file": "../../pages.db"}, 404, "没有这个录像文件"),
            ({"file": "02-screen-1.mp4"}, 404, "没有这个录像文件"),
        ):
            answer = await post(served, "/lessons/english/recording/cut", CUT | wrong)
            page = await read(answer, status)
            assert sentence in page.text, wrong
        assert await served.store.resources(limit=5) == []
        assert list((tmp_path / "library" / "files").iterdir()) == []


async def test_only_the_lessons_teacher_and_administrators_cut(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        teacher = served.users[Role.TEACHER]

        async def be(name: str) -> None:
            await served.store.update_user(
                teacher.id,
                lambda u: replace(u, school=SchoolId("host-1"), teacher=TeacherId(name)),
            )

        await be("host-1-t2")
        page = await look(served, "/lessons/english", role=Role.TEACHER)
        assert not page.all("form", action="/lessons/english/recording/cut")
        answer = await post(served, "/lessons/english/recording/cut", CUT, role=Role.TEACHER)
        assert answer.status == 403
        await be("host-1-t1")
        answer = await post(served, "/lessons/english/recording/cut", CUT, role=Role.TEACHER)
        assert answer.status == 303


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("05:30", 330), ("1:02:03.5", 3723.5), ("90", 90), ("90:00", 5400), ("", None), ("-1", None),
     ("1:75", None), ("nan", None), ("1e3", None)],
)  # fmt: skip
async def test_marks_are_read_as_people_write_them(text: str, seconds: float | None) -> None:
    assert parse_mark(text) == seconds
