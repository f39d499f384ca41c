"""Files for the library and for lessons' documents, sent piece by piece and resumed after any
interruption: tus 1.0.0.

Core protocol with the extensions creation, termination and expiration (https://tus.io/protocols).
A piece is on the disk before it is acknowledged; what arrived before a line broke stays. The bytes
become a resource by `POST /api/library`, a document by `POST /api/lessons/…/document-files`, which
check them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final
from wsgiref.handlers import format_date_time

import structlog
from aiohttp import web

from ..coordinator.library_files import UPLOAD_KEPT_S, Appending, Upload
from ..domain.documents import check_bytes
from ..domain.ids import UserId
from ..domain.problems import ProblemError
from .access import TERMINAL
from .keys import SERVICES, USER

PATH: Final = "/api/library/uploads"
PIECES_ROUTE: Final = "api.library.uploads.append"
MEDIA_TYPE: Final = "application/offset+octet-stream"
VERSION: Final = "1.0.0"
_EXTENSIONS: Final = "creation,termination,expiration"
# A line that carries nothing for so long has broken; the browser resumes.
IDLE_S: Final = 30.0
# Written at once: fewer trips to the disk than pieces of the network.
_BLOCK: Final = 1 << 20
_MAX_METADATA: Final = 4096

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def options(request: web.Request) -> web.Response:
    """`OPTIONS`: what this server speaks."""
    most = request.app[SERVICES].library.limits.file_bytes
    return _answer(
        204,
        {"Tus-Version": VERSION, "Tus-Extension": _EXTENSIONS, "Tus-Max-Size": str(most)},
    )


async def create(request: web.Request) -> web.Response:
    """`POST`: announce a file by `Upload-Length` and its name in `Upload-Metadata`."""
    _check_version(request)
    size = _number(request, "Upload-Length")
    name = _metadata(request.headers.get("Upload-Metadata", "")).get("filename", "")
    if TERMINAL in request:
        check_bytes(size)
    upload = await request.app[SERVICES].library.begin(owner_of(request), name, size)
    headers = {"Location": f"{PATH}/{upload.id}", "Upload-Offset": "0"}
    return _answer(201, headers | _expires(request))


async def offset(request: web.Request) -> web.Response:
    """`HEAD`: how much is here."""
    _check_version(request)
    upload = await _upload(request)
    headers = {"Upload-Offset": str(upload.offset), "Upload-Length": str(upload.size)}
    return _answer(200, headers)


async def append(request: web.Request) -> web.Response:
    """`PATCH`: go on from `Upload-Offset`. What arrived is kept, however the request ends."""
    _check_version(request)
    if request.content_type != MEDIA_TYPE:
        raise web.HTTPUnsupportedMediaType
    upload = await _upload(request)
    given = _number(request, "Upload-Offset")
    shelf = request.app[SERVICES].library.shelf
    with shelf.appending(upload, given) as writing:
        try:
            await _receive(request, writing)
        except ConnectionError:  # nobody is there to read an answer; the upload will be resumed
            log.debug("upload.broke_off", upload=upload.id, offset=writing.offset)
        finally:
            await asyncio.shield(asyncio.to_thread(writing.settle))
        return _answer(204, {"Upload-Offset": str(writing.offset)} | _expires(request))


async def cancel(request: web.Request) -> web.Response:
    """`DELETE`: forget the upload."""
    _check_version(request)
    await request.app[SERVICES].library.cancel(request.match_info["upload"], owner_of(request))
    return _answer(204, {})


async def _receive(request: web.Request, writing: Appending) -> None:
    """Write what comes, a block at a time; ProblemError `upload_length` for more than announced."""
    block = bytearray()
    try:
        while True:
            async with asyncio.timeout(IDLE_S):
                piece = await request.content.readany()
            block += piece
            if writing.offset + len(block) > writing.size:
                block.clear()
                raise ProblemError(
                    "upload_length",
                    f"发送的内容超过申报的 {writing.size} 字节。请重新选择文件上传。",
                    f"More came than the {writing.size} bytes announced; upload the file again.",
                    field="Upload-Length",
                    value=writing.size,
                )
            if not piece or len(block) >= _BLOCK:
                data = bytes(block)
                block.clear()
                await asyncio.to_thread(writing.write, data)
            if not piece:
                return
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    finally:
        if block:  # the line broke: what is here is kept
            await asyncio.to_thread(writing.write, bytes(block))


async def _upload(request: web.Request) -> Upload:
    ident = request.match_info["upload"]
    return await request.app[SERVICES].library.upload(ident, owner_of(request))


def owner_of(request: web.Request) -> UserId:
    """Whose uploads these are: a person's, or a classroom's, which gives its lessons documents."""
    if TERMINAL in request:
        return UserId(f"terminal:{request[TERMINAL].classroom}")
    return request[USER].id


def _answer(status: int, headers: Mapping[str, str]) -> web.Response:
    fixed = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
    return web.Response(status=status, headers={**fixed, **headers})


def _expires(request: web.Request) -> dict[str, str]:
    at = request.app[SERVICES].clock() + timedelta(seconds=UPLOAD_KEPT_S)
    return {"Upload-Expires": format_date_time(at.timestamp())}


def _check_version(request: web.Request) -> None:
    given = request.headers.get("Tus-Resumable", "")
    if given != VERSION:
        raise ProblemError(
            "tus_version",
            f"上传须按 tus {VERSION}：请求头 Tus-Resumable 应为 {VERSION}。",
            f"Uploads speak tus {VERSION}: the header Tus-Resumable must be {VERSION}.",
            field="Tus-Resumable",
            value=given or None,
        )


def _number(request: web.Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ProblemError(
            "upload_header",
            f"请求头 {header} 须是 0 或更大的整数。",
            f"The header {header} must be a whole number of 0 or more.",
            field=header,
            value=text or None,
        )
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """`key base64,key base64`; what cannot be read is passed over, as it is but a name."""
    found: dict[str, str] = {}
    for pair in text[:_MAX_METADATA].split(","):
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except (ValueError, binascii.Error):
            continue
    return found


# (name, method, path, handler); OPTIONS of single uploads says the same as that of all.
ROUTES: Final[tuple[tuple[str, str, str, Handler], ...]] = (
    ("api.library.uploads.options", "OPTIONS", PATH, options),
    ("api.library.uploads.create", "POST", PATH, create),
    ("api.library.uploads.offset", "HEAD", PATH + "/{upload}", offset),
    (PIECES_ROUTE, "PATCH", PATH + "/{upload}", append),
    ("api.library.uploads.cancel", "DELETE", PATH + "/{upload}", cancel),
)
