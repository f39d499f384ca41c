"""A timetable file comes as it is, and is read no further than its bound."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import TermId
from sync_classroom.exchange.refusals import MAX_BYTES
from sync_classroom.web import uploads
from tests.support.pages import office
from tests.support.timetable_files import ENGLISH, HEADINGS, encrypted_workbook, png, workbook
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
PATH = "/api/timetable/2026-autumn/imports"


async def _post(
    served: Site, data: object, *, role: Role | None = Role.ADMIN, path: str = PATH, **headers: str
) -> aiohttp.ClientResponse:
    sent = {"Content-Type": "application/octet-stream", "X-File-Name": "%E8%AF%BE%E8%A1%A8.xlsx"}
    sent |= {k.replace("_", "-"): v for k, v in headers.items()}
    return await served.ask("POST", path, role=role, data=data, headers=sent)


async def test_file_is_read_and_its_preview_named(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await _post(served, workbook([HEADINGS, ENGLISH]))
        assert answer.status == 201
        found = await answer.json()
        assert found["href"] == f"/timetable/import/{found['upload']}"
        upload = served.services.imports.upload(found["upload"], user=served.users[Role.ADMIN].id)
        assert (upload.name, upload.term) == ("课表.xlsx", TermId("2026-autumn"))


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "file_empty"), (png(), "file_picture"), (encrypted_workbook(), "file_encrypted"),
     (workbook([["x"]]), "file_no_header")],
)  # fmt: skip
async def test_rubbish_is_a_problem_in_both_languages(
    tmp_path: Path, data: bytes, code: str
) -> None:
    async with office(tmp_path) as served:
        answer = await _post(served, data)
        problem = await answer.json()
        assert (answer.status, problem["code"], problem["field"]) == (422, code, "file")
        assert problem["zh"].endswith("。")
        assert problem["en"].endswith(".")


async def test_fifty_megabytes_are_refused_while_they_come(tmp_path: Path) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(800):
            sent += 1 << 16
            yield bytes(1 << 16)

    async with office(tmp_path) as served:
        for data in (io.BytesIO(bytes(50_000_000)), endless()):
            try:
                answer = await _post(served, data)
            except aiohttp.ClientConnectionError:
                continue  # the server had seen enough while the client still sent
            assert (answer.status, (await answer.json())["code"]) == (422, "file_too_large")
        assert sent >= MAX_BYTES
        assert (await _post(served, workbook([HEADINGS, ENGLISH]))).status == 201


async def test_upload_that_does_not_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "UPLOAD_S", 0.2)
    never = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield b"PK"
        await never.wait()
        yield b""

    async with office(tmp_path) as served:
        answer = await _post(served, stalled())
        assert (answer.status, (await answer.json())["code"]) == (429, "upload_slow")


async def test_other_types_terms_roles_and_sites_are_refused(tmp_path: Path) -> None:
    data = workbook([HEADINGS, ENGLISH])
    async with office(tmp_path) as served:
        for media in ("multipart/form-data; boundary=x", "application/json", "text/plain"):
            assert (await _post(served, data, Content_Type=media)).status == 415
        unknown = await _post(served, data, path="/api/timetable/never/imports")
        assert (unknown.status, (await unknown.json())["code"]) == (404, "unknown_term")
        assert (await _post(served, data, role=Role.TEACHER)).status == 403
        assert (await _post(served, data, role=None)).status == 401
        other = await _post(served, data, Origin="https://elsewhere.example")
        assert (await other.json())["code"] == "cross_site"


async def test_names_are_tidied_and_bounded(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for name, kept in (("%00%0A%E8", "\ufffd"), ("a" * 900, "a" * 120), ("", "")):
            answer = await _post(served, workbook([HEADINGS, ENGLISH]), X_File_Name=name)
            token = (await answer.json())["upload"]
            user = served.users[Role.ADMIN].id
            assert served.services.imports.upload(token, user=user).name == kept
