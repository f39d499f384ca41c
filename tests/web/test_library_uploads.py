"""Uploads by tus 1.0.0: resumed after a cut in the middle, bounded, and each person's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.library import PDF, TUS, announce, offset_of, piece, send, take
from tests.support.pages import office
from tests.support.web import Site, body_of

pytestmark = pytest.mark.asyncio


async def cut_off(served: Site, address: str, offset: int, data: bytes, announced: int) -> None:
    """Send the head of a piece by hand and cut the line, as a cable that is pulled."""
    parts = urlsplit(served.url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"PATCH {address} HTTP/1.1\r\nHost: {parts.netloc}\r\nTus-Resumable: 1.0.0\r\n"
        f"Cookie: __Host-session={served.cookies[Role.TEACHER]}\r\nUpload-Offset: {offset}\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {announced}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    await writer.drain()
    writer.close()


async def test_the_server_says_what_it_speaks(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await served.ask("OPTIONS", "/api/library/uploads", role=Role.TEACHER)
        assert answer.status == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert answer.headers["Tus-Extension"] == "creation,termination,expiration"
        assert answer.headers["Tus-Max-Size"] == "8000000"


async def test_a_big_upload_cut_in_the_middle_twice_is_resumed_and_whole(tmp_path: Path) -> None:
    data = PDF * 60  # 3.9 MB, in pieces larger than a block
    async with office(tmp_path) as served:
        made = await announce(served, "课件.pdf", len(data))
        assert made.status == 201
        assert made.headers["Upload-Expires"].endswith("GMT")
        address, here = made.headers["Location"], 0
        for share in (0.4, 0.3):
            sent = data[here : here + int(len(data) * share)]
            await cut_off(served, address, here, sent, len(data) - here)
            before = here
            async with asyncio.timeout(60):
                while (here := await offset_of(served, address)) == before:
                    await asyncio.sleep(0.01)
                # Taken as soon as the other end has let go, from wherever it came to.
                while (answer := await piece(served, address, here, b"")).status == 409:
                    here = await offset_of(served, address)
            assert answer.status == 204
            assert before < here < len(data)
        assert (await piece(served, address, here, data[here:])).status == 204
        answer = await take(served, address.rpartition("/")[2])
        assert answer.status == 201
        [version] = (await answer.json())["versions"]
        got = await served.ask("GET", version["href"], role=Role.REVIEWER)
        assert body_of(got) == data


async def test_a_piece_that_does_not_follow_is_refused(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        address = (await announce(served, "a.pdf", 10)).headers["Location"]
        assert (await piece(served, address, 0, b"01234")).headers["Upload-Offset"] == "5"
        answer = await piece(served, address, 4, b"x")
        assert (answer.status, (await answer.json())["code"]) == (409, "upload_offset")
        answer = await piece(served, address, 5, b"567890")  # one too many
        assert (answer.status, (await answer.json())["code"]) == (422, "upload_length")
        assert await offset_of(served, address) == 5


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "tus_version"),
        ({"Tus-Resumable": "0.2.2"}, "tus_version"),
        (TUS, "upload_header"),
        ({**TUS, "Upload-Length": "-5"}, "upload_header"),
        ({**TUS, "Upload-Length": "many"}, "upload_header"),
        ({**TUS, "Upload-Length": "0"}, "file_empty"),
        ({**TUS, "Upload-Length": "8000001"}, "file_too_large"),
        ({**TUS, "Upload-Length": "9" * 15}, "file_too_large"),
    ],
)
async def test_an_announcement_that_is_wrong_says_what(
    tmp_path: Path, headers: dict[str, str], code: str
) -> None:
    async with office(tmp_path) as served:
        answer = await served.ask(
            "POST", "/api/library/uploads", role=Role.TEACHER, headers=headers
        )
        assert (answer.status, (await answer.json())["code"]) == (422, code)


async def test_what_is_announced_counts_to_the_quota_until_it_is_cancelled(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        addresses = [
            (await announce(served, f"{n}.pdf", 8_000_000)).headers["Location"] for n in (1, 2)
        ]
        answer = await announce(served, "3.pdf", 8_000_000)
        assert (answer.status, (await answer.json())["code"]) == (409, "library_full")
        gone = await served.ask("DELETE", addresses[0], role=Role.TEACHER, headers=TUS)
        assert gone.status == 204
        assert (await announce(served, "3.pdf", 8_000_000)).status == 201
        answer = await piece(served, addresses[0], 0, b"x")
        assert (answer.status, (await answer.json())["code"]) == (404, "upload_unknown")


async def test_nobody_goes_on_with_anothers_upload(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        ident = await send(served, "a.pdf", PDF)
        address = f"/api/library/uploads/{ident}"
        assert (await piece(served, address, 0, b"x", role=Role.ADMIN)).status == 404
        assert (await take(served, ident, role=Role.ADMIN)).status == 404
        for role in (Role.REVIEWER, Role.OPERATOR):
            assert (await announce(served, "a.pdf", 5, role=role)).status == 403


async def test_a_body_of_another_kind_is_refused_unread(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"

    async with office(tmp_path) as served:
        address = (await announce(served, "a.pdf", 10)).headers["Location"]
        answer = await served.ask(
            "PATCH", address, role=Role.TEACHER, headers={**TUS, "Upload-Offset": "0"},
            data=endless(),
        )  # fmt: skip
        assert answer.status == 415
        assert await offset_of(served, address) == 0
