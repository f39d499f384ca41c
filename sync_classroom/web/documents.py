"""Documents of lessons: given by whoever gives the lesson, seen page by page by whoever is in it.

A classroom shows its token and comes to the documents of its own lessons, whether it gives them or
listens; people come by their session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final, Literal
from urllib.parse import unquote

from aiohttp import web

from ..coordinator.documents import DocumentService
from ..domain.documents import (
    PAGE_TYPE,
    Document,
    check_bytes,
    check_may_give,
    may_see,
    not_giver,
    not_viewer,
)
from ..domain.ids import OccurrenceId
from ..domain.timetable import Occurrence
from .access import TERMINAL
from .keys import SERVICES, USER
from .routes import ApiRoute, Call, Out, idempotency_key, json_answer
from .uploads import MEDIA_TYPE, NAME_HEADER

PATH: Final = "/api/lessons/{lesson}/documents"
GIVE_PATH: Final = "/api/lessons/{lesson}/document-files"
PAGE_PATH: Final = PATH + "/{document}/pages/{page}"
GIVE_ROUTE: Final = "api.documents.give"
PAGE_ROUTE: Final = "api.documents.page"
#: A line that carries nothing for so long has broken.
IDLE_S: Final = 30.0
_BLOCK: Final = 1 << 20
_MAX_NAME: Final = 600
#: A page never changes: what a document's number names is its for ever.
_KEPT: Final = "private, max-age=604800, immutable"


class DocumentOut(Out):
    """A document of a lesson: `pages` is 0 until it is converted, `problem` why it cannot be."""

    id: str
    name: str
    bytes: int
    sha256: str
    at: datetime
    by: str
    state: Literal["converting", "ready", "refused"]
    pages: int
    problem: str | None
    zh: str | None
    en: str | None


class DocumentsOut(Out):
    """The documents of a lesson as they were given."""

    documents: list[DocumentOut]


async def give(request: web.Request) -> web.StreamResponse:
    """`POST`: a file as it is, its name percent-encoded in `X-File-Name`; it is converted later."""
    services = request.app[SERVICES]
    if request.content_type != MEDIA_TYPE:
        raise web.HTTPUnsupportedMediaType
    key = idempotency_key(request)
    lesson = await services.documents.lesson(OccurrenceId(request.match_info["lesson"]))
    _check_gives(request, lesson)
    check_bytes(request.content_length if request.content_length is not None else 1)
    name = unquote(request.headers.get(NAME_HEADER, "")[:_MAX_NAME], errors="replace")
    document = await services.documents.give(
        lesson.id, name, _blocks(request), by=_who(request), key=key
    )
    return json_answer(_out(document, services.clock()), 201)


async def _blocks(request: web.Request) -> AsyncIterator[bytes]:
    block = bytearray()
    while True:
        try:
            async with asyncio.timeout(IDLE_S):
                piece = await request.content.readany()
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        block += piece
        if len(block) >= _BLOCK or not piece:
            yield bytes(block)
            block.clear()
        if not piece:
            return


async def page(request: web.Request) -> web.StreamResponse:
    """`GET`: a page's picture; `?size=` `thumb`, `small` or `large` (without: `large`)."""
    services = request.app[SERVICES]
    lesson = await services.documents.lesson(OccurrenceId(request.match_info["lesson"]))
    _check_sees(request, lesson)
    number = request.match_info["page"]
    path = await services.documents.picture(
        lesson.id, request.match_info["document"],
        int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0,
        request.query.get("size", "large"),
    )  # fmt: skip
    # It answers ranges and `If-None-Match` by itself.
    response = web.FileResponse(path)
    response.content_type = PAGE_TYPE
    response.headers["Cache-Control"] = _KEPT
    return response


async def listed(call: Call[None, None]) -> DocumentsOut:
    """What a lesson has."""
    documents = call.services.documents
    lesson = await documents.lesson(OccurrenceId(call.path("lesson")))
    _check_sees(call.request, lesson)
    now = call.services.clock()
    return DocumentsOut(documents=[_out(d, now) for d in await documents.of(lesson.id)])


async def remove(call: Call[None, None]) -> None:
    """Take a document back."""
    documents: DocumentService = call.services.documents
    lesson = await documents.lesson(OccurrenceId(call.path("lesson")))
    _check_gives(call.request, lesson)
    await documents.remove(lesson.id, call.path("document"), by=_who(call.request))


# ---------------------------------------------------------------------------- who may


def _check_gives(request: web.Request, lesson: Occurrence) -> None:
    """ProblemError unless an administrator, the lesson's teacher or its host classroom asks."""
    if TERMINAL in request:
        if request[TERMINAL].classroom != lesson.host.classroom:
            raise not_giver(lesson.id)
    else:
        check_may_give(request[USER], lesson)


def _check_sees(request: web.Request, lesson: Occurrence) -> None:
    """ProblemError unless a classroom asks that takes part, or a person who may see."""
    if TERMINAL in request:
        rooms = {lesson.host.classroom, *(s.classroom for s in lesson.active_seats)}
        allowed = request[TERMINAL].classroom in rooms
    else:
        roster = request.app[SERVICES].roster.current()
        allowed = may_see(request[USER], lesson, roster)
    if not allowed:
        raise not_viewer(lesson.id)


def _who(request: web.Request) -> str:
    if TERMINAL in request:
        return f"terminal:{request[TERMINAL].classroom}"
    return request[USER].login


def _out(document: Document, now: datetime) -> DocumentOut:
    problem = document.problem(now)
    return DocumentOut(
        id=document.id, name=document.name, bytes=document.bytes, sha256=document.sha256,
        at=document.at, by=document.by, pages=len(document.pages),
        state="refused" if problem else "ready" if document.ready else "converting",
        problem=problem and problem.code, zh=problem and problem.zh, en=problem and problem.en,
    )  # fmt: skip


ROUTES: Final = (
    ApiRoute("api.documents.list", "GET", PATH, listed, "The documents of a lesson",
             answer=DocumentsOut, problems=(404,)),
    ApiRoute("api.documents.remove", "DELETE", PATH + "/{document}", remove,
             "Take a document of a lesson back", status=204, problems=(404,)),
)  # fmt: skip
