"""Taking files in over HTTP: checked by content, scanned, once for a key."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.coordinator.library import LibraryOptions
from sync_classroom.domain.accounts import Role
from tests.coordinator.test_outside import SCANNER
from tests.support.library import PDF, PNG, TUS, added, announce, piece, send, take
from tests.support.pages import office
from tests.support.web import SMALL_LIBRARY

pytestmark = pytest.mark.asyncio


async def test_an_upload_becomes_a_resource_with_its_hash(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        upload = await send(served, "C:\\课件\\练习.pdf", PDF)
        answer = await take(
            served, upload, title="Unit 6 练习", subject="英语", grade=3, lesson="english",
            teacher="host-1-t1", note="课后用",
        )  # fmt: skip
        assert answer.status == 201
        made = await answer.json()
        assert {k: made[k] for k in ("title", "subject", "grade", "lesson", "teacher", "note")} == {
            "title": "Unit 6 练习", "subject": "英语", "grade": 3, "lesson": "english",
            "teacher": "host-1-t1", "note": "课后用",
        }  # fmt: skip
        [version] = made["versions"]
        assert (version["name"], version["media_type"]) == ("练习.pdf", "application/pdf")
        assert (version["bytes"], version["sha256"]) == (
            len(PDF), hashlib.sha256(PDF).hexdigest(),
        )  # fmt: skip
        listed = await (await served.ask("GET", "/api/library", role=Role.REVIEWER)).json()
        assert listed == {"resources": [made]}
        one = await served.ask("GET", f"/api/library/{made['id']}", role=Role.REVIEWER)
        assert await one.json() == made
        assert list((tmp_path / "library" / "uploads").iterdir()) == []


async def test_a_key_takes_in_once_also_when_asked_at_the_same_time(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        upload = await send(served, "a.pdf", PDF)
        answers = await asyncio.gather(*(take(served, upload) for _ in range(4)))
        again = await take(served, upload)
        ids = {(await answer.json())["id"] for answer in (*answers, again)}
        assert len(ids) == 1
        assert len(list((tmp_path / "library" / "files").iterdir())) == 1


async def test_a_second_version_follows_the_first(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        ident = await added(served)
        upload = await send(served, "改.png", PNG)
        answer = await take(served, upload, key="k2", resource=ident)
        assert [v["media_type"] for v in (await answer.json())["versions"]] == [
            "application/pdf", "image/png",
        ]  # fmt: skip
        upload = await send(served, "b.png", PNG, role=Role.ADMIN)
        assert (await take(served, upload, role=Role.ADMIN, key="k3", resource=ident)).status == 201
        upload = await send(served, "b.png", PNG)
        answer = await take(served, upload, key="k4", resource="r-nobody")
        assert (answer.status, (await answer.json())["code"]) == (404, "resource_unknown")


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("课件.mp4", b"MZ" + bytes(100), "file_type"),
        ("课件.pdf", b"<html><script>alert(1)</script>", "file_type"),
        ("图.pdf", PNG, "file_type_differs"),
    ],
)
async def test_a_file_of_a_wrong_type_is_refused_and_gone(
    tmp_path: Path, name: str, data: bytes, code: str
) -> None:
    async with office(tmp_path) as served:
        upload = await send(served, name, data)
        answer = await take(served, upload)
        problem = await answer.json()
        assert (answer.status, problem["code"], problem["value"]) == (422, code, name)
        assert (await take(served, upload)).status == 404
        assert list((tmp_path / "library" / "files").iterdir()) == []


async def test_an_infected_file_is_refused_and_gone(tmp_path: Path) -> None:
    options = replace(SMALL_LIBRARY, scan_command=SCANNER)
    async with office(tmp_path, library=options) as served:
        bad = await send(served, "a.pdf", PDF + b"EICAR")
        answer = await take(served, bad)
        assert (answer.status, (await answer.json())["code"]) == (422, "file_infected")
        assert (await take(served, bad)).status == 404
        assert (await take(served, await send(served, "b.pdf", PDF), key="k2")).status == 201


async def test_a_scanner_that_is_away_keeps_the_upload_for_later(tmp_path: Path) -> None:
    options = LibraryOptions(SMALL_LIBRARY.limits, ("/no/such/scanner",))
    async with office(tmp_path, library=options) as served:
        upload = await send(served, "a.pdf", PDF)
        answer = await take(served, upload)
        assert (answer.status, (await answer.json())["code"]) == (503, "scan_failed")
        kept = await served.ask(
            "HEAD", f"/api/library/uploads/{upload}", role=Role.TEACHER, headers=TUS
        )
        assert kept.headers["Upload-Offset"] == str(len(PDF))


async def test_a_file_that_is_not_all_there_is_not_taken(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        address = (await announce(served, "a.pdf", 100)).headers["Location"]
        await piece(served, address, 0, PDF[:60])
        answer = await take(served, address.rpartition("/")[2])
        problem = await answer.json()
        assert (answer.status, problem["code"], problem["value"]) == (409, "upload_incomplete", 60)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "长" * 121}, "title"),
        ({"title": 5}, "title"),
        ({"grade": "3"}, "grade"),
        ({"grade": 13}, "grade"),
        ({"lesson": "nobody"}, "lesson"),
        ({"teacher": "nobody"}, "teacher"),
        ({"note": "\x00"}, "note"),
        ({"upload": "../../etc/passwd"}, "upload"),
        ({"size": 5}, "size"),
    ],
)
async def test_a_wrong_field_is_named_and_the_upload_stays(
    tmp_path: Path, fields: dict[str, Any], field: str
) -> None:
    async with office(tmp_path) as served:
        upload = await send(served, "a.pdf", PDF)
        answer = await take(served, **{"upload": upload, **fields})
        assert (answer.status, (await answer.json())["field"]) == (422, field)
        assert list((tmp_path / "library" / "files").iterdir()) == []
        assert (await take(served, upload, key="good")).status == 201


async def test_a_long_check_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_classroom.web.api_library.CHECKED_WITHIN_S", 0.0)
    async with office(tmp_path) as served:
        upload = await send(served, "a.pdf", PDF)
        async with asyncio.timeout(60):
            statuses = [(await take(served, upload)).status]
            while statuses[-1] == 202:
                statuses.append((await take(served, upload)).status)
        assert statuses[0] == 202
        assert statuses[-1] == 201
