"""Documents of lessons: given by whoever gives the lesson, seen page by page by whoever is in it.

A classroom shows its token and comes to the documents of its own lessons, whether it gives them or
listens; people come by their session.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from aiohttp import web

from ..coordinator.documents import DocumentService
from ..domain.documents import (
    PAGE_TYPE,
    Document,
    check_may_give,
    may_see,
    not_giver,
    not_viewer,
)
from ..domain.ids import OccurrenceId
from ..domain.timetable import Occurrence
from .access import TERMINAL
from .keys import SERVICES, USER
from .library_uploads import owner_of
from .routes import ApiRoute, Call, In, Out

PATH: Final = "/api/lessons/{lesson}/documents"
GIVE_PATH: Final = "/api/lessons/{lesson}/document-files"
PAGE_PATH: Final = PATH + "/{document}/pages/{page}"
PAGE_ROUTE: Final = "api.documents.page"
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


class GiveIn(In):
    """What was uploaded (`/api/library/uploads`) and is to be a document of the lesson."""

    upload: str


async def give(call: Call[GiveIn, None]) -> DocumentOut:
    """Take a file that is all here; it is converted later."""
    services, request = call.services, call.request
    lesson = await services.documents.lesson(OccurrenceId(call.path("lesson")))
    _check_gives(request, lesson)
    document = await services.documents.give(
        lesson.id, call.body.upload, owner=owner_of(request), by=_who(request), key=call.key
    )
    return _out(document, services.clock())


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
    ApiRoute("api.documents.give", "POST", GIVE_PATH, give,
             "Give a lesson an uploaded file: PDF, slides, texts, pictures; converted then",
             body=GiveIn, answer=DocumentOut, status=201, problems=(404, 409, 429),
             idempotent=True),
    ApiRoute("api.documents.list", "GET", PATH, listed, "The documents of a lesson",
             answer=DocumentsOut, problems=(404,)),
    ApiRoute("api.documents.remove", "DELETE", PATH + "/{document}", remove,
             "Take a document of a lesson back", status=204, problems=(404,)),
)  # fmt: skip
