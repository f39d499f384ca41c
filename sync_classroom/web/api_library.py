"""API: the resource library. Files come by resumable upload (`library_uploads.py`)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from aiohttp import web
from pydantic import Field

from ..domain.ids import OccurrenceId, TeacherId
from ..domain.library import MAX_GRADE, MAX_NOTE, MAX_TITLE, Details, Resource, Version
from .fields import Id
from .routes import ApiRoute, Call, In, Out

# Within what a proxy waits for an answer; then the same request is sent again.
CHECKED_WITHIN_S: Final = 20.0
_TEXT: Final = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
_UPLOAD: Final = r"^[0-9a-f]{32}$"


class ResourceIn(In):
    """A finished upload to be taken in. With `resource` it is that one's next version, and the
    other fields say nothing."""

    upload: Annotated[str, Field(pattern=_UPLOAD)]
    resource: Id | None = None
    title: str = Field("", max_length=MAX_TITLE, pattern=_TEXT)
    subject: str = Field("", max_length=40, pattern=_TEXT)
    grade: int | None = Field(None, ge=1, le=MAX_GRADE)
    lesson: Id | None = None
    teacher: Id | None = None
    note: str = Field("", max_length=MAX_NOTE, pattern=_TEXT)


class ResourceVersionOut(Out):
    """One file; `duration_s` is known of what was cut from a recording."""

    no: int
    name: str
    media_type: str
    bytes: int
    sha256: str
    at: datetime
    by: str
    duration_s: float | None
    href: str


class LibraryResourceOut(Out):
    """A resource with its versions, the first one first."""

    id: str
    title: str
    subject: str
    grade: int | None
    lesson: str | None
    teacher: str | None
    note: str
    at: datetime
    by: str
    versions: list[ResourceVersionOut]


class ResourcesOut(Out):
    """The latest resources, newest first."""

    resources: list[LibraryResourceOut]


async def take(call: Call[ResourceIn, None]) -> LibraryResourceOut | web.StreamResponse:
    """Check a finished upload (type, hash, virus scan) and take it in.

    202 while that is not done: send the same again.
    """
    body = call.body
    details = Details(
        body.title,
        body.subject.strip(),
        body.grade,
        None if body.lesson is None else OccurrenceId(body.lesson),
        None if body.teacher is None else TeacherId(body.teacher),
        body.note.strip(),
    )
    made = await call.services.library.take(
        body.upload,
        details,
        resource=body.resource,
        user=call.user,
        key=call.key,
        within_s=CHECKED_WITHIN_S,
    )
    if made is None:
        return web.json_response({}, status=202, headers={"Cache-Control": "no-store"})
    return _resource(made)


async def listed(call: Call[None, None]) -> ResourcesOut:
    """The latest resources."""
    return ResourcesOut(resources=[_resource(r) for r in await call.services.library.resources()])


async def read(call: Call[None, None]) -> LibraryResourceOut:
    """One resource."""
    return _resource(await call.services.library.resource(call.path("resource")))


def _resource(found: Resource) -> LibraryResourceOut:
    details = found.details
    return LibraryResourceOut(
        id=found.id, title=details.title, subject=details.subject, grade=details.grade,
        lesson=details.lesson, teacher=details.teacher, note=details.note, at=found.at,
        by=found.by, versions=[_version(found, v) for v in found.versions],
    )  # fmt: skip


def _version(of: Resource, version: Version) -> ResourceVersionOut:
    return ResourceVersionOut(
        no=version.no, name=version.name, media_type=version.media_type, bytes=version.bytes,
        sha256=version.sha256, at=version.at, by=version.by, duration_s=version.duration_s,
        href=f"/library/{of.id}/files/{version.no}",
    )  # fmt: skip


ROUTES: Final = (
    ApiRoute(
        "api.library.take", "POST", "/api/library", take,
        "Take a finished upload in; 202: not checked yet, send the same again",
        body=ResourceIn, answer=LibraryResourceOut, status=201, problems=(404, 409, 429, 503),
        idempotent=True,
    ),
    ApiRoute("api.library.list", "GET", "/api/library", listed, "The latest resources",
             answer=ResourcesOut),
    ApiRoute("api.library.read", "GET", "/api/library/{resource}", read, "A resource",
             answer=LibraryResourceOut, problems=(404,)),
)  # fmt: skip
