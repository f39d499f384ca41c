"""The resource library: what there is, one resource with preview and versions, and cutting.

Files are uploaded by the page's script (`static/library.js`), everything else are forms. Who opened
which file is in the access log.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from aiohttp import web

from ...coordinator.library import MAX_REASON, may_add
from ...coordinator.library_problems import not_recorded
from ...domain.ids import OccurrenceId, TeacherId
from ...domain.library import (
    MAX_GRADE,
    MAX_NOTE,
    MAX_TITLE,
    TYPES,
    Details,
    Resource,
    Version,
    check_may_change,
    matches,
    may_change,
)
from ...domain.make_up import BY
from ...domain.problems import ProblemError, ProblemKind
from ...domain.timetable import Mode
from ..i18n import mark
from ..problems import STATUS_OF
from .forms import Form, parse_count
from .frame import Frame, once, posted, see_other
from .recording import may_choose
from .route import AUTHORS, LIBRARY, PageRoute

HOME: Final = "/library"
KIND_WORDS: Final[Mapping[str, str]] = {
    "video": mark("视频"),
    "audio": mark("音频"),
    "image": mark("图片"),
    "document": mark("文档"),
}
ACCEPT: Final = ",".join(s for t in TYPES.values() for s in t.suffixes)
_CLOCK: Final = re.compile(
    r"(?:(\d{1,2}):)?(\d{1,3}):([0-5]?\d(?:\.\d{1,3})?)|(\d{1,6}(?:\.\d{1,3})?)"
)
# A PDF is shown by the browser's own viewer inside our page, and may load and run nothing.
_DOCUMENT_POLICY: Final = (
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:;"
    " frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One resource of the list."""

    resource: Resource
    kind: str
    who: str


async def show(request: web.Request) -> web.StreamResponse:
    """The list; `?q=&subject=&grade=&kind=` narrow it."""
    frame = Frame.of(request)
    query = request.query
    found = await frame.services.library.resources()
    grade = parse_count(query.get("grade", ""), least=1, most=MAX_GRADE)
    kind = query.get("kind", "") if query.get("kind") in KIND_WORDS else ""
    subject, words = query.get("subject", "")[:40], query.get("q", "")[:MAX_TITLE]
    shown = [
        r for r in found if matches(r, words=words.split(), subject=subject, grade=grade, kind=kind)
    ]
    names = await names_of(frame)
    limits = frame.services.library.limits
    return frame.render(
        "library.html",
        rows=[Row(r, KIND_WORDS[r.latest.kind], names.get(r.by, r.by)) for r in shown],
        total=len(found),
        subjects=sorted({r.details.subject for r in found} - {""}),
        grades=range(1, MAX_GRADE + 1),
        kinds=list(KIND_WORDS.items()),
        chosen={"q": words, "subject": subject, "grade": grade, "kind": kind},
        filtered=bool(words or subject or grade or kind),
        used=await frame.services.library.used_bytes(),
        limits=limits,
        may_add=may_add(frame.user),
        upload=upload_words(frame, limits.file_bytes),
        accept=ACCEPT,
        title_max=MAX_TITLE,
        note_max=MAX_NOTE,
    )


async def one(request: web.Request) -> web.StreamResponse:
    """One resource."""
    return await _one(Frame.of(request), None)


async def describe(request: web.Request) -> web.StreamResponse:
    """Change title, subject, grade, teacher, note."""
    frame = Frame.of(request)
    form = await posted(request)
    ident = request.match_info["resource"]
    try:
        resource = await frame.services.library.resource(ident)
        check_may_change(frame.user, resource)
        details = _details(frame, form, resource.details.lesson)
        if form.ok:
            await frame.services.library.describe(ident, details, user=frame.user)
    except ProblemError as problem:
        _blame(frame, form, problem)
    if not form.ok:
        return await _one(frame, form, status=422)
    return see_other(f"{HOME}/{ident}", done="saved")


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a resource with a reason."""
    frame = Frame.of(request)
    form = await posted(request)
    try:
        await frame.services.library.delete(
            request.match_info["resource"], form.text("reason"), user=frame.user
        )
    except ProblemError as problem:
        _blame(frame, form, problem)
        return await _one(frame, form, status=STATUS_OF[problem.kind])
    return see_other(HOME, done="resource-deleted")


async def cut(request: web.Request) -> web.StreamResponse:
    """Make a resource of a part of a lesson's recording."""
    frame = Frame.of(request)
    form = await posted(request)
    lesson = OccurrenceId(request.match_info["occurrence"])
    view = await frame.services.lessons.view(lesson)
    if view is None or view.occurrence.mode is Mode.RESEARCH:
        # What people say in a meeting is for those invited to it.
        raise not_recorded(lesson, form.text("file")[:40])
    if not may_choose(frame.user, view):
        raise ProblemError(
            "cut_forbidden",
            "只有管理员和这节课的主讲教师可以把录像放进资源库。",
            "Only administrators and the lesson's teacher may put its recording into the library.",
            kind=ProblemKind.FORBIDDEN,
        )
    planned = view.occurrence
    marks = tuple(parse_mark(form.text(name)) for name in ("from", "to"))
    if marks[0] is None or marks[1] is None:
        raise ProblemError(
            "cut_marks_form",
            "起点和终点要写成 分:秒 或 时:分:秒，例如 05:30。请返回重新填写。",
            "Start and end are minutes:seconds or hours:minutes:seconds, such as 05:30. Go back and"
            " fill them in again.",
            field="from" if marks[0] is None else "to",
            value=form.text("from" if marks[0] is None else "to")[:40],
        )
    details = Details(
        form.text("title"), planned.subject, planned.grade, lesson, planned.host.teacher
    )
    # The same part once; another part of it from the same page is another resource.
    part = f"{once(frame, form)}/{form.text('file')}/{marks[0]}/{marks[1]}"
    key = hashlib.sha256(part.encode()).hexdigest()
    made = await frame.services.library.cut(
        lesson, form.text("file"), (marks[0], marks[1]), details,
        by=frame.user.login, key=key,
    )  # fmt: skip
    return see_other(f"{HOME}/{made.id}", done="resource-added")


def parse_mark(text: str) -> float | None:
    """Seconds of `mm:ss`, `h:mm:ss` or plain seconds; None for anything else."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds, plain = found.groups()
    if plain is not None:
        return float(plain)
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)


async def serve(request: web.Request) -> web.StreamResponse:
    """A version's file, by range; `?download` to keep."""
    frame = Frame.of(request)
    no = parse_count(request.match_info["no"], least=1, most=999_999_999) or 0
    begins = request.http_range.start in (None, 0)
    version, path = await frame.services.library.read(
        request.match_info["resource"], no, actor=frame.user.login if begins else None
    )
    return file_response(version, path, download="download" in request.query)


def file_response(version: Version, path: Path, *, download: bool) -> web.FileResponse:
    """A version's file with ranges; `download`: to keep, under its own name."""
    response = web.FileResponse(path)
    response.content_type = version.media_type
    response.headers["Cache-Control"] = "private, no-cache"
    if version.kind == "document":
        response.headers["Content-Security-Policy"] = _DOCUMENT_POLICY
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
    if download:
        response.headers["Content-Disposition"] = (
            f"attachment; filename*=UTF-8''{quote(version.name, safe='')}"
        )
    return response


# ---------------------------------------------------------------------------- parts


async def _one(frame: Frame, form: Form | None, *, status: int = 200) -> web.Response:
    service = frame.services.library
    resource = await service.resource(frame.request.match_info["resource"])
    details, roster = resource.details, frame.roster
    names = await names_of(frame)
    lesson = None
    if details.lesson is not None:
        lesson = await frame.services.lessons.view(details.lesson)
    return frame.render(
        "resource.html",
        status=status,
        problem=None if form is None else form.errors.get("form"),
        form=form or _filled(details),
        resource=resource,
        latest=resource.latest,
        kind=KIND_WORDS[resource.latest.kind],
        versions=[(v, names.get(v.by, v.by)) for v in reversed(resource.versions)],
        by=names.get(resource.by, resource.by),
        lesson=lesson,
        teacher=roster.teachers.get(details.teacher) if details.teacher else None,
        teachers=_teachers(frame),
        grades=[(None, [(str(n), str(n)) for n in range(1, MAX_GRADE + 1)])],
        may_change=may_change(frame.user, resource),
        may_push=may_add(frame.user),
        upload=upload_words(frame, service.limits.file_bytes),
        accept=ACCEPT,
        title_max=MAX_TITLE,
        note_max=MAX_NOTE,
        reason_max=MAX_REASON,
    )


def _filled(details: Details) -> Form:
    return Form.filled(
        title=details.title,
        subject=details.subject,
        grade="" if details.grade is None else str(details.grade),
        teacher=details.teacher or "",
        note=details.note,
        reason="",
    )


def _details(frame: Frame, form: Form, lesson: OccurrenceId | None) -> Details:
    """What the form says; the lesson a resource was cut from stays."""
    grade = parse_count(form.text("grade"), least=1, most=MAX_GRADE)
    if form.text("grade") and grade is None:
        form.wrong("grade", frame.t("年级须为 1 到 %(n)s。", n=MAX_GRADE))
    teacher = form.text("teacher")
    return Details(
        form.text("title"),
        form.text("subject"),
        grade,
        lesson,
        TeacherId(teacher) if teacher else None,
        form.text("note"),
    )


def _blame(frame: Frame, form: Form, problem: ProblemError) -> None:
    """Say what is wrong at its field; what has none stands above. NOT_FOUND passes."""
    if problem.kind is ProblemKind.NOT_FOUND:
        raise problem
    known = ("title", "subject", "grade", "teacher", "note", "reason")
    form.wrong(problem.field if problem.field in known else "form", frame.say(problem))


def _teachers(frame: Frame) -> list[tuple[str, list[tuple[str, str]]]]:
    """Teachers by school, as groups of a select."""
    roster = frame.roster
    return [
        (
            school.name,
            [(str(t.id), t.name) for t in roster.teachers.values() if t.school == school.id],
        )
        for school in roster.schools.values()
    ]


def upload_words(frame: Frame, file_bytes: int) -> Mapping[str, str]:
    """What the upload's script says; `data-*` of its form."""
    return {
        "max-bytes": str(file_bytes),
        "too-large": frame.t(
            "文件超过 %(size)s，请压缩或分段。", size=frame.format.size(file_bytes)
        ),
        "sending": frame.t("正在上传"),
        "waiting": frame.t("线路断开，正在续传"),
        "checking": frame.t("正在检查文件…"),
        "failed": frame.t("上传没有成功，请检查网络后重试；已传的部分不用重传。"),
        "choose": frame.t("请选择一个文件。"),
    }


async def names_of(frame: Frame) -> Mapping[str, str]:
    """Who brought in a resource or gave an order, by login."""
    users = {u.login: u.name for u in await frame.services.store.users()}
    return users | {BY: frame.t("自动补推")}


ROUTES = (
    PageRoute("library", "GET", HOME, show, LIBRARY),
    PageRoute("resource", "GET", HOME + "/{resource}", one, LIBRARY),
    PageRoute("resource-describe", "POST", HOME + "/{resource}", describe, AUTHORS),
    PageRoute("resource-delete", "POST", HOME + "/{resource}/delete", delete, AUTHORS),
    PageRoute("resource-file", "GET", HOME + "/{resource}/files/{no}", serve, LIBRARY),
    PageRoute("recording-cut", "POST", "/lessons/{occurrence}/recording/cut", cut, AUTHORS),
)
