"""The documents of a lesson on its page: which there are, giving one, taking one back.

Files are sent by the page's script (`static/lesson_documents.js`); what the library has already is
given by a form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from ...coordinator.views import LessonView
from ...domain.documents import MAX_BYTES, Document, check_may_give, may_give, may_see
from ...domain.ids import OccurrenceId
from ...domain.lesson import LessonState
from ...domain.library import Resource
from ...domain.problems import ProblemError
from ...domain.timetable import Occurrence
from ..i18n import mark
from .frame import Frame, once, posted, see_other
from .route import AUTHORS, PageRoute
from .words import Word, lesson_code

#: What the file dialogue offers.
ACCEPT: Final = ".pdf,.pptx,.ppt,.odp,.docx,.doc,.odt,.png,.jpg,.jpeg,.webp"
#: Resources offered; what is older is found in the library and uploaded from there.
MAX_OFFERED: Final = 200
_AHEAD: Final = frozenset({LessonState.PLANNED, LessonState.OPEN, LessonState.LIVE})
_READY: Final = Word("held", mark("可以展示"))
_CONVERTING: Final = Word("waiting", mark("正在转换"))
_REFUSED: Final = Word("missed", mark("不能展示"))


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One document: its state in a word, why it is no good, who gave it, and its first page."""

    document: Document
    word: Word
    problem: str
    who: str
    picture: str | None


@dataclass(frozen=True, slots=True)
class NowShown:
    """The page that all rooms see."""

    document: Document
    page: int
    picture: str


@dataclass(frozen=True, slots=True)
class DocumentsView:
    """The section of the lesson page. `upload` are the words of the upload's script."""

    rows: Sequence[DocumentRow]
    converting: bool
    may_give: bool
    resources: Sequence[Resource]
    now: NowShown | None
    upload: dict[str, str]
    accept: str = ACCEPT


async def documents_view(frame: Frame, view: LessonView) -> DocumentsView | None:
    """What to show; None for whom a lesson's documents are not."""
    occurrence, state = view.occurrence, lesson_code(view)
    if not may_see(frame.user, occurrence, frame.roster):
        return None
    documents = await frame.services.documents.of(occurrence.id)
    may = state in _AHEAD and may_give(frame.user, occurrence.host.teacher)
    rows = [_row(frame, view, d) for d in documents]
    return DocumentsView(
        rows,
        any(row.word is _CONVERTING for row in rows),
        may,
        await _offered(frame) if may else (),
        now_shown(view, documents),
        _words(frame),
    )


def now_shown(view: LessonView, documents: Sequence[Document]) -> NowShown | None:
    """What the rooms of a running lesson see of its documents; None if nothing."""
    shown = view.floor.page
    if shown is None or lesson_code(view) not in (LessonState.OPEN, LessonState.LIVE):
        return None
    found = next((d for d in documents if d.id == shown.document), None)
    if found is None or shown.page > len(found.pages):
        return None
    return NowShown(found, shown.page, picture_url(view.occurrence.id, found, shown.page, "small"))


async def give(request: web.Request) -> web.StreamResponse:
    """Give the lesson what the library has."""
    frame = Frame.of(request)
    form = await posted(request)
    lesson = await _lesson(frame)
    try:
        await frame.services.documents.give_resource(
            lesson.id, form.text("resource"), by=frame.user.login, key=once(frame, form)
        )
    except ProblemError as problem:
        return frame.problem(problem)
    return see_other(f"/lessons/{lesson.id}?done=document-given#documents")


async def remove(request: web.Request) -> web.StreamResponse:
    """Take a document back."""
    frame = Frame.of(request)
    await posted(request)
    lesson = await _lesson(frame)
    try:
        await frame.services.documents.remove(
            lesson.id, request.match_info["document"], by=frame.user.login
        )
    except ProblemError as problem:
        return frame.problem(problem)
    return see_other(f"/lessons/{lesson.id}?done=document-removed#documents")


async def _lesson(frame: Frame) -> Occurrence:
    """The lesson of the address; ProblemError unless this person may give it documents."""
    ident = OccurrenceId(frame.request.match_info["occurrence"])
    lesson = await frame.services.documents.lesson(ident)
    check_may_give(frame.user, lesson)
    return lesson


async def _offered(frame: Frame) -> Sequence[Resource]:
    """The latest resources that can be shown page by page."""
    resources = await frame.services.library.resources()
    fit = [r for r in resources if r.latest.kind in ("document", "image")]
    return [r for r in fit if r.latest.bytes <= MAX_BYTES][:MAX_OFFERED]


def _row(frame: Frame, view: LessonView, document: Document) -> DocumentRow:
    problem = document.problem(frame.now)
    ready = document.ready
    return DocumentRow(
        document,
        _REFUSED if problem else _READY if ready else _CONVERTING,
        frame.say(problem) if problem else "",
        view.host_classroom.name if document.by.startswith("terminal:") else document.by,
        picture_url(view.occurrence.id, document, 1, "thumb") if ready else None,
    )


def picture_url(lesson: OccurrenceId, document: Document, page: int, size: str) -> str:
    """Where a page's picture is."""
    return f"/api/lessons/{lesson}/documents/{document.id}/pages/{page}?size={size}"


def _words(frame: Frame) -> dict[str, str]:
    return {
        "max-bytes": str(MAX_BYTES),
        "too-large": frame.t("文件超过 100 MB。请压缩图片后另存，或分成几份。"),
        "choose": frame.t("请先选择文件。"),
        "sending": frame.t("已上传"),
        "waiting": frame.t("线路断开，正在续传"),
        "failed": frame.t("上传没有成功，请检查网络后重试；已传的部分不用重传。"),
    }


ROUTES = (
    PageRoute("document-give", "POST", "/lessons/{occurrence}/documents", give, AUTHORS),
    PageRoute(
        "document-remove", "POST", "/lessons/{occurrence}/documents/{document}/remove", remove,
        AUTHORS,
    ),
)  # fmt: skip
