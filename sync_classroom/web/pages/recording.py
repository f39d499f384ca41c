"""A lesson's recording: what the lesson page shows of it, its files, and the wish to record.

A file is looked up among those the database names for the lesson, so an address can name nothing
else. Who watched what is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from ...coordinator.views import LessonView
from ...domain.accounts import Role, User
from ...domain.ids import OccurrenceId
from ...domain.lesson import LessonState
from ...domain.page_track import TrackPage, part_of
from ...domain.problems import ProblemError, ProblemKind
from ...domain.recordings import RecordedFile, Recording, RecordingState, schools_of
from ...domain.timetable import Mode
from ..i18n import mark
from .frame import Frame, posted, see_other
from .lesson_documents import picture_url
from .route import ADMIN, SCHOOL, PageRoute
from .words import Word, lesson_code

log = structlog.get_logger(__name__)

WATCHERS: Final = ADMIN | {Role.REVIEWER, Role.TEACHER}
_TYPES: Final = {".mp4": "video/mp4", ".webm": "video/webm", ".jpg": "image/jpeg"}
# Shown one by one; more are summed up.
MAX_GAPS: Final = 20

_WORDS: Final = {
    RecordingState.RECORDING: Word("live", mark("录制中")),
    RecordingState.FINISHING: Word("waiting", mark("正在整理")),
    RecordingState.SAVED: Word("held", mark("已保存")),
    RecordingState.DELETED: Word("cancelled", mark("已按规定删除")),
    RecordingState.REFUSED: Word("missed", mark("没有录成")),
}
_DISK_FULL: Final = Word("missed", mark("磁盘已满而停止"))
_PAUSED: Final = Word("partial", mark("磁盘已满，暂停录制"))
_SOURCES: Final = {"camera": mark("主讲摄像头"), "screen": mark("课件画面")}
_GAPS: Final = {
    "video": mark("没有画面"),
    "audio": mark("没有声音"),
    "all": mark("没有画面和声音"),
}


@dataclass(frozen=True, slots=True)
class FileView:
    """A file as it is shown: `from_at` when it begins, `gaps` in words, `pages` the documents'
    pages shown meanwhile, as `static/recorded_pages.js` reads them."""

    file: RecordedFile
    source: str
    from_at: datetime | None
    url: str
    playable: bool
    gaps: Sequence[str]
    more_gaps: int
    pages: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class RecordingView:
    """The section of the lesson page. `word` None: nothing was recorded (yet)."""

    recording: Recording | None
    word: Word | None
    wanted: bool
    may_choose: bool
    may_watch: bool
    may_cut: bool
    may_push: bool
    files: Sequence[FileView]


def may_watch(user: User, view: LessonView) -> bool:
    """Administrators and the bureau all; teachers what their school takes part in."""
    if user.role in (Role.ADMIN, Role.REVIEWER):
        return True
    school_of = {c.id: c.school for c in view.roster.classrooms.values()}
    return user.role is Role.TEACHER and user.school in schools_of(view.occurrence, school_of)


def may_choose(user: User, view: LessonView) -> bool:
    """Whether to record, and what of it goes into the library: administrators, and whoever gives
    the lesson."""
    gives = user.teacher is not None and user.teacher == view.occurrence.host.teacher
    return user.role is Role.ADMIN or gives


async def recording_view(frame: Frame, view: LessonView) -> RecordingView | None:
    """What to show; None where nothing can be recorded and nothing was."""
    keeper, occurrence = frame.services.recordings, view.occurrence
    found = await keeper.of(occurrence.id)
    if not keeper.possible and found is None:
        return None
    watch = may_watch(frame.user, view)
    ahead = lesson_code(view) in (LessonState.PLANNED, LessonState.OPEN, LessonState.LIVE)
    files = () if found is None or not watch else found.files
    track = await _track(frame, found) if files else ()
    return RecordingView(
        recording=found,
        word=None if found is None else word(found),
        wanted=await keeper.wanted(occurrence.id),
        may_choose=keeper.possible and ahead and may_choose(frame.user, view),
        may_watch=watch,
        may_cut=may_choose(frame.user, view),
        may_push=lesson_code(view) is LessonState.ENDED and may_choose(frame.user, view),
        files=[_file(frame, view, found, file, track) for file in files if found is not None],
    )


async def _track(frame: Frame, recording: Recording | None) -> tuple[TrackPage, ...]:
    """The pages shown while it was recorded."""
    if recording is None or recording.started_at is None or not recording.files:
        return ()
    ends = max(file.start_s + file.duration_s for file in recording.files)
    return await frame.services.library.tracks.of(
        recording.occurrence, recording.started_at, from_s=0.0, to_s=ends
    )


def word(recording: Recording) -> Word:
    """Its state in a word; a full disk is said first."""
    if recording.disk_full and recording.state is not RecordingState.DELETED:
        going_on = recording.state is RecordingState.RECORDING
        return _PAUSED if going_on else _DISK_FULL
    return _WORDS[recording.state]


def _file(
    frame: Frame,
    view: LessonView,
    recording: Recording,
    file: RecordedFile,
    track: Sequence[TrackPage],
) -> FileView:
    gaps = [
        frame.t(
            "%(span)s %(what)s",
            span=frame.format.span(recording.at(a), recording.at(b), seconds=True),
            what=frame.t(_GAPS.get(kind, _GAPS["all"])),
        )
        for kind, a, b in file.gaps[:MAX_GAPS]
    ]
    pages = part_of(
        track, from_s=file.start_s, to_s=file.start_s + file.duration_s, zero_s=file.start_s
    )
    return FileView(
        file=file,
        source=_source(frame, view, file.source),
        from_at=recording.at(file.start_s),
        url=f"/lessons/{view.occurrence.id}/recording/{file.name}",
        playable=recording.state is RecordingState.SAVED,
        gaps=gaps,
        more_gaps=max(0, len(file.gaps) - MAX_GAPS),
        pages=[_page(view.occurrence.id, page) for page in pages],
    )


def _page(lesson: OccurrenceId, shown: TrackPage) -> Mapping[str, object]:
    return {
        "from_s": shown.from_s,
        "to_s": shown.to_s,
        "name": shown.document.name,
        "page": shown.page,
        "pages": len(shown.document.pages),
        "width": shown.size.width,
        "height": shown.size.height,
        "url": picture_url(lesson, shown.document, shown.page, "large"),
    }


def _source(frame: Frame, view: LessonView, source: str) -> str:
    if source in _SOURCES:
        return frame.t(_SOURCES[source])
    seat = source.removeprefix("seat:")
    for found in view.seats:
        if found.seat.id == seat:
            return f"{found.school.name} {found.classroom.name}"
    return source


# ---------------------------------------------------------------------------- handlers


async def choose(request: web.Request) -> web.StreamResponse:
    """Record this lesson, or do not."""
    frame = Frame.of(request)
    view = await _view(frame)
    form = await posted(request)
    if not may_choose(frame.user, view):
        raise _forbidden()
    occurrence = view.occurrence.id
    if form.text("wanted") in ("yes", "no"):
        wanted = form.text("wanted") == "yes"
        await frame.services.recordings.want(occurrence, wanted, actor=frame.user.login)
    return see_other(f"/lessons/{occurrence}")


async def serve(request: web.Request) -> web.StreamResponse:
    """One file of the recording: video with ranges, or a thumbnail."""
    frame = Frame.of(request)
    view = await _view(frame)
    if not may_watch(frame.user, view):
        raise _forbidden()
    name = request.match_info["name"]
    recording = await frame.services.recordings.of(view.occurrence.id)
    known = recording is not None and any(
        name == file.name or name in file.thumbnails for file in recording.files
    )
    if recording is None or not known:
        raise _no_file()
    response = await recorded_file(frame.services.settings.recordings, recording, name)
    if not name.endswith(".jpg") and request.http_range.start in (None, 0):
        log.info(
            "recording.watched",
            occurrence=view.occurrence.id,
            file=name,
            by=frame.user.login,
            taken="download" in request.query,
        )
    if "download" in request.query:
        response.headers["Content-Disposition"] = (
            f'attachment; filename="{view.occurrence.date}-{view.occurrence.id}-{name}"'
        )
    return response


async def recorded_file(root: Path | None, recording: Recording, name: str) -> web.FileResponse:
    """A file of a recording with ranges, for whoever may have it.

    ProblemError `recording_not_found`.
    """
    if root is None:
        raise _no_file()
    path = _inside(root, recording.folder, name)
    if not await asyncio.to_thread(path.is_file):
        raise _no_file()
    response = web.FileResponse(path)
    response.content_type = _TYPES[path.suffix]
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _inside(root: Path, folder: str, name: str) -> Path:
    """The file's path. Both names come from our own database; even so, nothing leads out."""
    path = root / folder / name
    if path.parent.parent != root or path.suffix not in _TYPES or ".." in (folder, name):
        raise _no_file()
    return path


async def _view(frame: Frame) -> LessonView:
    occurrence = OccurrenceId(frame.request.match_info["occurrence"])
    view = await frame.services.lessons.view(occurrence)
    if view is None or view.occurrence.mode is Mode.RESEARCH:  # that has a page of its own
        raise _no_file()
    return view


def _forbidden() -> ProblemError:
    return ProblemError(
        "recording_forbidden",
        "只有管理员、督导和参加这节课的学校的教师可以看录像；是否录像由主讲教师或管理员决定。",
        "Recordings are for administrators, the bureau and teachers of the schools that take part;"
        " whether to record is for the lesson's teacher or an administrator.",
        kind=ProblemKind.FORBIDDEN,
    )


def _no_file() -> ProblemError:
    return ProblemError(
        "recording_not_found",
        "没有这个录像文件，它可能已按规定删除。请回到课次页查看。",
        "There is no such file; it may have been deleted by age. The lesson's page says what is"
        " there.",
        kind=ProblemKind.NOT_FOUND,
    )


ROUTES = (
    PageRoute("recording-choose", "POST", "/lessons/{occurrence}/recording", choose, SCHOOL),
    PageRoute("recording-file", "GET", "/lessons/{occurrence}/recording/{name}", serve, WATCHERS),
)
