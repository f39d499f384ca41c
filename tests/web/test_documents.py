"""Documents of lessons over HTTP and to the terminals: who gives, who turns, who sees."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sync_classroom.domain import documents
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.documents import MAX_BYTES
from sync_classroom.domain.ids import OccurrenceId
from tests.support.documents import (
    GREEN,
    PIECES,
    RED,
    begun,
    colour_of,
    given,
    near,
    pdf,
    png,
    ready,
)
from tests.support.library import TUS
from tests.support.web import Site, body_of, expect, site

pytestmark = pytest.mark.asyncio
HOST, ROOM, STRANGER = "host-1-r1", "far-1-r1", "far-2-r4"
ONE = OccurrenceId("o-1")


async def enter(
    served: Site, room: str, token: str = ""
) -> tuple[aiohttp.ClientWebSocketResponse, str]:
    token = token or (await served.device(room))[1]
    socket: aiohttp.ClientWebSocketResponse = await served.connect()
    await served.hello(socket, token)
    return socket, token


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def turn(ident: str, document: str | None, page: int | None) -> dict[str, Any]:
    return {"type": "page", "id": ident, "lesson": "o-1", "document": document, "page": page}


async def test_the_host_turns_pages_and_its_rooms_see_them(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        (host, token), (room, theirs) = await enter(served, HOST), await enter(served, ROOM)
        answer = await given(served, pdf(RED, GREEN), token=token)
        assert answer.status == 201
        made = await answer.json()
        assert (made["state"], made["pages"], made["by"]) == ("converting", 0, f"terminal:{HOST}")
        told = await expect(host, "lesson", page=None)
        while not (told["documents"] and told["documents"][0]["pages"]):
            told = await expect(host, "lesson")
        ident = made["id"]
        assert told["documents"] == [{"id": ident, "name": "课件.pdf", "pages": 2, "problem": None}]

        await host.send_json(turn("1", ident, 2))
        shown = {
            "document": ident, "name": "课件.pdf", "page": 2, "pages": 2, "width": 2560,
            "height": 1440,
        }  # fmt: skip
        told = await expect(room, "lesson", page=shown)
        assert "documents" not in told
        # Its own page repeats nothing it has done: another may have turned since.
        await host.send_json(turn("2", ident, 1))
        await expect(room, "lesson", page={**shown, "page": 1})
        await host.send_json(turn("1", ident, 2))
        await expect(host, "ack", id="1")
        late, _ = await enter(served, ROOM, theirs)
        assert (await expect(late, "lesson"))["page"] == {**shown, "page": 1}

        for size, colour in (("large", RED), ("small", RED)):
            path = f"/api/lessons/o-1/documents/{ident}/pages/1?size={size}"
            picture = await served.ask("GET", path, headers=bearer(theirs))
            assert picture.status == 200
            assert picture.content_type == "image/webp"
            assert picture.headers["Cache-Control"].startswith("private")
            assert near(colour_of(body_of(picture)), colour)
        again = {**bearer(theirs), "If-None-Match": picture.headers["ETag"]}
        assert (await served.ask("GET", path, headers=again)).status == 304

        await host.send_json(turn("3", None, None))
        await expect(late, "lesson", page=None)
        for socket in (host, room, late):
            await socket.close()


async def test_only_the_host_turns_and_only_to_what_is_there(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        ident = (await ready(served, RED)).id
        (host, _), (room, _) = await enter(served, HOST), await enter(served, ROOM)
        for socket, message, code in (
            (room, turn("1", ident, 1), "host_only"),
            (host, turn("1", ident, 2), "page_range"),
            (host, turn("2", "d-none", 1), "unknown_document"),
            (host, turn("3", ident, None), "bad_message"),
        ):
            await socket.send_json(message)
            assert (await expect(socket, "error"))["code"] == code
        assert (await served.services.floor.get(ONE)).page is None
        # A document that is taken back is seen no more, and the floor may name it still.
        await host.send_json(turn("4", ident, 1))
        await expect(host, "ack", id="4")
        path = f"/api/lessons/o-1/documents/{ident}"
        assert (await served.ask("DELETE", path, role=Role.ADMIN)).status == 204
        assert (await served.ask("DELETE", path, role=Role.ADMIN)).status == 404
        assert (await served.services.desk.live_state(ONE, for_host=True))["page"] is None
        for socket in (host, room):
            await socket.close()


async def test_who_takes_no_part_neither_gives_nor_sees(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        ident = (await ready(served, RED)).id
        page = f"/api/lessons/o-1/documents/{ident}/pages/1"
        tokens = {room: (await served.device(room))[1] for room in (HOST, ROOM, STRANGER)}
        for room, gives, sees in ((HOST, 201, 200), (ROOM, 403, 200), (STRANGER, 403, 403)):
            answer = await given(served, png((9, 9), RED), token=tokens[room], key=room)
            assert answer.status == gives, room
            answer = await served.ask("GET", page, headers=bearer(tokens[room]))
            assert answer.status == sees, room
        listed = "/api/lessons/o-1/documents"
        for role, status in (
            (Role.ADMIN, 200), (Role.REVIEWER, 200), (Role.OPERATOR, 403), (None, 401),
        ):  # fmt: skip
            assert (await served.ask("GET", page, role=role)).status == status, role
            assert (await served.ask("GET", listed, role=role)).status == status, role
        for wrong in ("2", "0", "x", "1/..", "1?size=huge"):
            answer = await served.ask(
                "GET", f"/api/lessons/o-1/documents/{ident}/pages/{wrong}", role=Role.ADMIN
            )
            assert answer.status == 404, wrong


async def test_a_classrooms_upload_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        data, tokens = pdf(RED), [(await served.device(room))[1] for room in (HOST, ROOM)]
        ours, theirs = [{**TUS, **bearer(token)} for token in tokens]

        async def announce(size: int, **more: str) -> aiohttp.ClientResponse:
            headers = {**ours, "Upload-Length": str(size), **more}
            return await served.ask("POST", "/api/library/uploads", headers=headers)

        async def append(first: int, part: bytes) -> int:
            headers = {**ours, "Upload-Offset": str(first), "Content-Type": PIECES}
            answer = await served.ask("PATCH", address, headers=headers, data=io.BytesIO(part))
            return answer.status

        async def take(headers: dict[str, str]) -> tuple[int, str]:
            answer = await served.ask(
                "POST", "/api/lessons/o-1/document-files", json={"upload": upload},
                headers={**headers, "Idempotency-Key": "k"},
            )  # fmt: skip
            told = await answer.json()
            return answer.status, str(told.get("code", told.get("name")))

        answer = await announce(MAX_BYTES + 1)
        assert (answer.status, (await answer.json())["code"]) == (422, "document_too_large")
        named = base64.b64encode("课件.pdf".encode()).decode()
        address = (await announce(len(data), **{"Upload-Metadata": f"filename {named}"})).headers[
            "Location"
        ]
        upload = address.rpartition("/")[2]
        assert await append(0, data[:1000]) == 204
        # It is the classroom's that began it, and no document before all of it is here.
        assert (await served.ask("HEAD", address, headers=theirs)).status == 404
        assert await take(bearer(tokens[0])) == (409, "upload_incomplete")
        answer = await served.ask("HEAD", address, headers=ours)
        assert answer.headers["Upload-Offset"] == "1000"
        assert await append(0, data[:1000]) == 409
        assert await append(1000, data[1000:]) == 204
        assert await take(bearer(tokens[1])) == (403, "document_forbidden")
        assert await take(bearer(tokens[0])) == (201, "课件.pdf")
        assert await take(bearer(tokens[0])) == (201, "课件.pdf")  # its answer was lost
        await served.services.documents.idle()
        [document] = await served.services.documents.of(ONE)
        assert (document.bytes, len(document.pages)) == (len(data), 1)
        assert (await served.ask("HEAD", address, headers=ours)).status == 404
        assert list((tmp_path / "library" / "uploads").iterdir()) == []


async def test_a_file_that_will_not_do_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        for data, name, status, code in (
            (b"", "a.pdf", 422, "file_empty"),
            (b"MZ" + bytes(50), "a.exe", 422, "document_type"),
            (b"PK\x03\x04", "a.zip", 422, "document_type"),
        ):
            answer = await given(served, data, name, key=name)
            assert (answer.status, (await answer.json())["code"]) == (status, code)
        answer = await given(served, pdf(RED), to="o-none")
        assert (await answer.json())["code"] == "unknown_lesson"
        with monkeypatch.context() as patch:
            patch.setattr(documents, "MAX_BYTES", 100)
            answer = await given(served, pdf(RED))
        assert (answer.status, (await answer.json())["code"]) == (422, "document_too_large")
        assert list((tmp_path / "library" / "documents" / "incoming").iterdir()) == []
        assert await served.services.documents.of(ONE) == ()
