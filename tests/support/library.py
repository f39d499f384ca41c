"""The library as a browser speaks to it: uploads in pieces, then taken in."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import aiohttp

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.recordings import RecordedFile, Recording, RecordingState
from tests.support.plans import at
from tests.support.recordings import finished
from tests.support.web import Site

TUS = {"Tus-Resumable": "1.0.0"}
PDF = b"%PDF-1.7\n" + b"0123456789abcdef" * 4096
PNG = b"\x89PNG\r\n\x1a\n" + bytes(500)


async def announce(
    served: Site, name: str, size: int, *, role: Role = Role.TEACHER
) -> aiohttp.ClientResponse:
    """`POST` of an upload."""
    named = base64.b64encode(name.encode()).decode()
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": f"filename {named}"}
    return await served.ask("POST", "/api/library/uploads", role=role, headers=headers)


async def piece(
    served: Site, address: str, offset: int, data: bytes, *, role: Role = Role.TEACHER
) -> aiohttp.ClientResponse:
    """`PATCH` of one piece."""
    headers = {
        **TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream",
    }  # fmt: skip
    return await served.ask("PATCH", address, role=role, headers=headers, data=io.BytesIO(data))


async def offset_of(served: Site, address: str, *, role: Role = Role.TEACHER) -> int:
    """How much is there, by `HEAD`."""
    answer = await served.ask("HEAD", address, role=role, headers=TUS)
    assert answer.status == 200
    return int(answer.headers["Upload-Offset"])


async def send(served: Site, name: str, data: bytes, *, role: Role = Role.TEACHER) -> str:
    """A whole upload; its id."""
    made = await announce(served, name, len(data), role=role)
    assert made.status == 201, await made.text()
    address = made.headers["Location"]
    assert (await piece(served, address, 0, data, role=role)).status == 204
    return address.rpartition("/")[2]


async def take(
    served: Site, upload: str, *, role: Role = Role.TEACHER, key: str = "k", **fields: Any
) -> aiohttp.ClientResponse:
    """`POST /api/library`."""
    return await served.ask(
        "POST", "/api/library", role=role, headers={"Idempotency-Key": key},
        json={"upload": upload, "title": "标题", **fields},
    )  # fmt: skip


async def added(
    served: Site, name: str = "练习.pdf", data: bytes = PDF, *, role: Role = Role.TEACHER,
    key: str = "k", **fields: Any,
) -> str:  # fmt: skip
    """A resource of this file; its id."""
    answer = await take(
        served, await send(served, name, data, role=role), role=role, key=key, **fields
    )
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["id"])


async def recorded(served: Site) -> Path:
    """The lesson `english` with one finished file of four seconds; where it is."""
    root = served.services.settings.recordings
    assert root is not None
    (root / "english").mkdir(parents=True)
    path = finished(root / "english" / "01-camera-1.mp4", seconds=4)
    file = RecordedFile(
        path.name, "camera", "mp4", 0.0, 4.0, path.stat().st_size, "ab" * 32, 320, 240
    )
    saved = Recording(
        OccurrenceId("english"), RecordingState.SAVED, "english", at("08:10"), at("08:50"),
        files=(file,),
    )  # fmt: skip
    await served.store.save_recordings([saved])
    return path
