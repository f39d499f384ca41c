"""A timetable file sent by the page: the file itself as the body, read no further than its bound.

Not a form: so there is no parser of multipart bodies to attack, and a file of 50 MB is refused
after the first ten, wherever its end may be.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from ..domain.ids import TermId
from ..domain.problems import ProblemError, ProblemKind
from ..exchange.refusals import MAX_BYTES, refusal
from .keys import SERVICES, USER
from .routes import Out, json_answer

UPLOAD_ROUTE: Final = "api.timetable.imports"
UPLOAD_PATH: Final = "/api/timetable/{term}/imports"
MEDIA_TYPE: Final = "application/octet-stream"
NAME_HEADER: Final = "X-File-Name"
# Ten megabytes over the slowest line that still carries a lesson take two minutes.
UPLOAD_S: Final = 150.0
_CHUNK: Final = 1 << 16
_MAX_NAME: Final = 600


class UploadOut(Out):
    """A file that was read: where its preview is."""

    upload: str
    href: str


async def take_upload(request: web.Request) -> web.Response:
    """`POST /api/timetable/{term}/imports`: read a file and keep what it holds for a preview."""
    if request.content_type != MEDIA_TYPE:
        raise web.HTTPUnsupportedMediaType
    data = await read_file(request)
    name = unquote(request.headers.get(NAME_HEADER, "")[:_MAX_NAME], errors="replace")
    services = request.app[SERVICES]
    upload = await services.imports.take(
        data,
        name="".join(c for c in name if c.isprintable()).strip(),
        term=TermId(request.match_info["term"]),
        user=request[USER].id,
    )
    answer = UploadOut(upload=upload.token, href=f"/timetable/import/{upload.token}")
    return json_answer(answer, 201)


async def read_file(request: web.Request) -> bytes:
    """The body, up to `MAX_BYTES` and `UPLOAD_S`; ProblemError beyond either."""
    if (request.content_length or 0) > MAX_BYTES:
        raise refusal("file_too_large", request.content_length)
    pieces = bytearray()
    try:
        async with asyncio.timeout(UPLOAD_S):
            async for piece in request.content.iter_chunked(_CHUNK):
                pieces += piece
                if len(pieces) > MAX_BYTES:
                    raise refusal("file_too_large", len(pieces))
    except TimeoutError:
        raise ProblemError(
            "upload_slow",
            "上传太慢，已停止。请换一条线路，或先删去表格里的图片再上传。",
            "The upload was too slow and was given up. Use another line, or delete pictures first.",
            kind=ProblemKind.TOO_MANY,
            field="file",
        ) from None
    return bytes(pieces)
