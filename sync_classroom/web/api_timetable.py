"""API: publishing a term's draft, its versions, who was told, and the plan as a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from pydantic import Field

from ..domain.bundle import plan_to_dict
from ..domain.ids import TermId
from ..domain.plan_change import Version
from ..domain.roster import Roster
from ..domain.timetable import Occurrence, Plan
from .draft_models import Page, Seen
from .fields import Id, Line
from .routes import ApiRoute, Call, In, Out, Query


class PublishIn(In):
    """All of the draft must have been seen; `note` is shown in the list of versions."""

    seen: Seen
    note: Line


class OfTerm(Query):
    """Versions of one term only."""

    term: Id | None = None


class VersionOut(Out):
    """A published version of a term's plan; `changes` says how many of each kind."""

    no: int
    term: str
    at: datetime
    by: str
    note: str
    changes: dict[str, int]


class VersionsOut(Out):
    """Versions, newest first, at most 200."""

    versions: list[VersionOut]


class VersionPageOut(VersionOut):
    """A version with a part of its `total` entries."""

    total: int
    entries: list[dict[str, Any]]


class PlanOut(Out):
    """A term's published plan in the layout of `plan.json`."""

    schema_name: str = Field(alias="schema")
    timezone: str
    target_classrooms: int
    schools: list[dict[str, Any]]
    classrooms: list[dict[str, Any]]
    classes: list[dict[str, Any]]
    teachers: list[dict[str, Any]]
    terms: list[dict[str, Any]]
    days: list[dict[str, Any]]
    bell_sets: list[dict[str, Any]]
    occurrences: list[dict[str, Any]]
    pushes: list[dict[str, Any]]


async def publish(call: Call[PublishIn, None]) -> VersionOut:
    """Publish the draft as an immutable version and tell everybody concerned. 409 with `clashes`
    if anything it adds or changes is booked twice."""
    made = await call.services.timetable.publish(
        TermId(call.path("term")),
        seen=call.body.seen,
        note=call.body.note,
        actor=call.user.login,
        key=call.key,
    )
    return VersionOut(**_version(made))


def _version(version: Version) -> dict[str, Any]:
    return {
        "no": version.no,
        "term": version.term,
        "at": version.at,
        "by": version.by,
        "note": version.note,
        "changes": dict(version.counts),
    }


async def list_versions(call: Call[None, OfTerm]) -> VersionsOut:
    """Published versions, newest first."""
    term = call.query.term
    found = await call.services.timetable.versions(TermId(term) if term else None)
    return VersionsOut(versions=[VersionOut(**_version(v)) for v in found])


def version_number(text: str) -> int:
    """The number in an address; 0, which no version has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


async def read_version(call: Call[None, Page]) -> VersionPageOut:
    """One published version with a part of what it changed."""
    timetable, page = call.services.timetable, call.query
    found = await timetable.version(version_number(call.path("no")))
    entries = await timetable.version_entries(found.no, offset=page.offset, limit=page.limit)
    return VersionPageOut(
        **_version(found),
        total=await timetable.version_size(found.no),
        entries=[dict(e.entry) for e in entries],
    )


async def read_plan(call: Call[None, None]) -> web.Response:
    """The published plan of a term with the roster it refers to, as `plan.json`."""
    lessons = await call.services.timetable.published(TermId(call.path("term")))
    # A term of a city is some megabytes; writing them must not hold up a live lesson.
    body = await asyncio.to_thread(_plan_body, call.services.roster.current(), lessons)
    return web.Response(
        body=body, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _plan_body(roster: Roster, lessons: Sequence[Occurrence]) -> bytes:
    plan = Plan(roster=roster, occurrences={o.id: o for o in lessons})
    return json.dumps(plan_to_dict(plan), ensure_ascii=False).encode()


ROUTES: Final = (
    ApiRoute(
        "api.timetable.versions", "GET", "/api/timetable/versions", list_versions,
        "Published versions", query=OfTerm, answer=VersionsOut,
    ),
    ApiRoute(
        "api.timetable.version", "GET", "/api/timetable/versions/{no}", read_version,
        "A published version", query=Page, answer=VersionPageOut, problems=(404,),
    ),
    ApiRoute(
        "api.timetable.publish", "POST", "/api/timetable/{term}/publish", publish,
        "Publish the draft", body=PublishIn, answer=VersionOut, status=201, problems=(404, 409),
        idempotent=True,
    ),
    ApiRoute(
        "api.timetable.plan", "GET", "/api/timetable/{term}/plan.json", read_plan,
        "A term's published plan", answer=PlanOut, problems=(404,),
    ),
)  # fmt: skip
