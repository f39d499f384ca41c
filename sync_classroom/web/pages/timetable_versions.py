"""What was published and changed, by whom and why, and who of those concerned has seen it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from ...domain.accounts import Role
from ...domain.history import Happening, HistoryEntry
from ...domain.ids import ClassroomId, OccurrenceId, TeacherId, TermId
from ...domain.notices import Audience, Receipt
from ...domain.plan_change import Version, VersionEntry, VersionOutline
from ...domain.plan_diff import DiffKind, from_dict
from ...domain.timetable import Occurrence
from ..i18n import mark
from .forms import parse_count
from .frame import Frame
from .lesson_history import WORDS
from .route import SIGNED_IN, PageRoute
from .timetable_choice import term_near
from .timetable_diff import KIND_WORDS, DiffGroup, Words
from .timetable_history import people_of
from .timetable_words import Names

#: Of each kind on the page of a version, and on a page of one kind.
FIRST_LINES: Final = 50
PAGE_LINES: Final = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the record: a version, or a change at short notice."""

    at: datetime
    by: str
    title: str
    note: str
    counts: tuple[tuple[str, int], ...]
    href: str
    version: int | None


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """Whom a version concerned, and what became of telling them."""

    name: str
    items: int
    texts: tuple[str, ...]
    told_at: datetime | None
    shown_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipts:
    """Everybody of one kind; the three numbers are of `lines`."""

    lines: tuple[ReceiptLine, ...]
    told: int
    shown: int
    read: int


async def versions(request: web.Request) -> web.StreamResponse:
    """Every version of the term of `?term=`, with the changes at short notice between them."""
    frame = Frame.of(request)
    roster = frame.roster
    term = roster.terms.get(TermId(request.query.get("term", ""))) or term_near(roster, frame.today)
    if term is None:
        return frame.render("timetable_empty.html")
    service = frame.services.timetable
    people = await people_of(frame)
    lessons = {o.id: o for o in await service.published(term.id)}
    names = Names(frame, roster)
    lines = [_version_line(frame, v, people) for v in await service.versions(term.id)]
    lines += [
        _change_line(frame, e, lessons.get(e.occurrence), names, people)
        for e in await service.direct_changes(term.id)
    ]
    lines.sort(key=lambda line: (line.at, line.version or 0), reverse=True)
    return frame.render(
        "timetable_versions.html", term=term, terms=tuple(roster.terms.values()), lines=lines
    )


async def version(request: web.Request) -> web.StreamResponse:
    """One version: what it changed, and the receipts. `?kind=`, `?page=`: all of one kind."""
    frame = Frame.of(request)
    timetable = frame.services.timetable
    text = request.match_info["no"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    found = await timetable.version(number)
    names = Names(frame, frame.roster)
    outline = await timetable.version_outline(found.no)
    asked = request.query.get("kind", "")
    only = DiffKind(asked) if asked in outline.told and asked in set(DiffKind) else None
    pages = 1 if only is None else max(1, -(-outline.told[only] // PAGE_LINES))
    page = parse_count(request.query.get("page", ""), least=1, most=pages) or 1
    receipts = await timetable.notices(found.no) if only is None else ()
    return frame.render(
        "timetable_version.html",
        version=found,
        term=frame.roster.terms.get(found.term),
        by=(await people_of(frame)).get(found.by, found.by),
        groups=await _groups(frame, found, outline, names, only, page),
        counts=_counts(frame, found),
        rooms=_receipts(frame, receipts, Audience.CLASSROOM, names),
        teachers=_receipts(frame, receipts, Audience.TEACHER, names),
        may_see=only is None and frame.may(Role.ADMIN, Role.OPERATOR),
        only=only,
        page_no=page,
        pages=pages,
        earlier=frame.link(page=page - 1) if page > 1 else None,
        later=frame.link(page=page + 1) if page < pages else None,
    )


async def _groups(
    frame: Frame,
    found: Version,
    outline: VersionOutline,
    names: Names,
    only: DiffKind | None,
    page: int,
) -> tuple[DiffGroup, ...]:
    """The first differences of every kind, or a page of those of one kind."""
    words = Words(frame, names, outline.beside)
    limit, offset = (FIRST_LINES, 0) if only is None else (PAGE_LINES, (page - 1) * PAGE_LINES)
    groups = []
    for kind in KIND_WORDS if only is None else (only,):
        count = outline.told.get(kind, 0)
        if not count:
            continue
        entries = await frame.services.timetable.version_entries(
            found.no, kind=kind, offset=offset, limit=limit
        )
        # Reading some hundred lessons takes longer than the loop may be held.
        group = await asyncio.to_thread(_group, words, kind, count, entries)
        rest = frame.link(kind=kind.value) if only is None and count > limit else ""
        groups.append(replace(group, rest=rest))
    return tuple(groups)


def _group(words: Words, kind: DiffKind, count: int, entries: Sequence[VersionEntry]) -> DiffGroup:
    return words.group(kind, count, [from_dict(e.entry) for e in entries])


def _counts(frame: Frame, found: Version) -> tuple[tuple[str, int], ...]:
    known = {kind.value for kind in DiffKind}
    return tuple(
        (frame.t(KIND_WORDS[DiffKind(kind)]), count)
        for kind, count in found.counts.items()
        if kind in known
    )


def _version_line(frame: Frame, found: Version, people: Mapping[str, str]) -> Line:
    return Line(
        found.at,
        people.get(found.by, found.by),
        frame.t(mark("第 %(n)s 版"), n=found.no),
        found.note,
        _counts(frame, found),
        f"/timetable/versions/{found.no}",
        found.no,
    )


def _change_line(
    frame: Frame,
    entry: HistoryEntry,
    lesson: Occurrence | None,
    names: Names,
    people: Mapping[str, str],
) -> Line:
    what = ""
    if lesson is not None:
        what = frame.t(
            mark("%(when)s %(subject)s，%(teacher)s"),
            when=f"{frame.format.day(lesson.date)} {frame.format.clock(lesson.starts_at)}",
            subject=lesson.subject,
            teacher=names.teacher(lesson.host.teacher),
        )
    title = frame.t(WORDS[entry.kind])
    return Line(
        entry.at,
        people.get(entry.by, entry.by),
        " ".join(filter(None, (title, _detail(entry, names), what))),
        entry.reason,
        (),
        f"/lessons/{OccurrenceId(entry.occurrence)}",
        None,
    )


def _detail(entry: HistoryEntry, names: Names) -> str:
    """Old and new of what a single word does not say."""
    old, new = entry.old or {}, entry.new or {}
    if entry.kind is Happening.SUBSTITUTED:
        return f"{_teacher(names, old)} → {_teacher(names, new)}"
    room = new.get("classroom") or old.get("classroom")
    if entry.kind in (Happening.SEAT_ADDED, Happening.SEAT_CHANGED) and isinstance(room, str):
        return names.room(ClassroomId(room))
    return ""


def _teacher(names: Names, values: Mapping[str, Any]) -> str:
    return names.teacher(TeacherId(str(values.get("teacher", "—"))))


def _receipts(
    frame: Frame, receipts: Sequence[Receipt], audience: Audience, names: Names
) -> Receipts:
    mine = [r for r in receipts if r.notice.audience is audience]
    lines = [
        ReceiptLine(
            names.room(ClassroomId(r.notice.addressee))
            if audience is Audience.CLASSROOM
            else names.teacher(TeacherId(r.notice.addressee)),
            len(r.notice.items) + r.notice.more,
            tuple(frame.tongue.pick(i.zh, i.en) for i in r.notice.items),
            r.told_at,
            r.shown_at,
            r.read_at,
        )
        for r in mine
    ]
    # Whoever has not seen it is who one looks for.
    lines.sort(key=lambda line: (line.read_at is not None, line.shown_at is not None, line.name))
    return Receipts(
        tuple(lines),
        sum(line.told_at is not None for line in lines),
        sum(line.shown_at is not None for line in lines),
        sum(line.read_at is not None for line in lines),
    )


ROUTES = (
    PageRoute("timetable.versions", "GET", "/timetable/versions", versions, SIGNED_IN),
    PageRoute("timetable.version", "GET", r"/timetable/versions/{no}", version, SIGNED_IN),
)
