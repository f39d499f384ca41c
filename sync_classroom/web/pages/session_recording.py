"""A research session's recording on its page: who had it made, one file set per sender, a player.

For administrators and those invited; the session's page plays all files in step. Whoever fetches
one is in the access log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from ...coordinator.research import Session
from ...domain.accounts import Role, User
from ...domain.ids import OccurrenceId
from ...domain.meeting import Guest, guest_of, teacher_of
from ...domain.problems import ProblemError, ProblemKind
from ...domain.recordings import RecordedFile, Recording, RecordingAct, RecordingState
from .frame import Frame
from .recording import recorded_file, word
from .route import PLANNERS, PageRoute
from .words import Word

_SCREEN: Final = "screen:"
_SEAT: Final = "seat:"


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as it is listed: `name` of who sent it, `from_at` when it begins."""

    file: RecordedFile
    name: str
    from_at: datetime | None
    url: str


@dataclass(frozen=True, slots=True)
class SessionRecording:
    """The section of the page. `names` are people's by account, `player` is what its script plays,
    None where there is nothing."""

    recording: Recording | None
    word: Word | None
    acts: Sequence[RecordingAct]
    names: Mapping[str, str]
    may_watch: bool
    files: Sequence[SentFile]
    player: Mapping[str, Any] | None


def may_watch(user: User, session: Session) -> bool:
    """Administrators, and teachers invited to the session."""
    return user.role is Role.ADMIN or (user.role is Role.TEACHER and user.teacher in session.people)


async def recording_of(frame: Frame, session: Session) -> SessionRecording | None:
    """What to show; None where nobody ever had the session recorded."""
    recorder = frame.services.meeting_recorder
    found, acts = await recorder.of(session), await recorder.acts(session)
    if found is None and not acts:
        return None
    watch = may_watch(frame.user, session)
    files: list[SentFile] = []
    if found is not None and watch:
        guests = {g.id: g for g in await frame.services.store.guests_of(session.id)}
        files = [_sent(frame, session, guests, found, file) for file in found.files]
    playable = found is not None and found.state is RecordingState.SAVED and files
    return SessionRecording(
        recording=found,
        word=None if found is None else word(found),
        acts=acts,
        names={u.login: u.name for u in await frame.services.store.users()} if acts else {},
        may_watch=watch,
        files=files,
        player=_player(files) if playable else None,
    )


def _sent(
    frame: Frame,
    session: Session,
    guests: Mapping[str, Guest],
    recording: Recording,
    file: RecordedFile,
) -> SentFile:
    return SentFile(
        file,
        _name(frame, guests, file.source),
        recording.at(file.start_s),
        f"/research/{session.id}/recording/{quote(file.name)}",
    )


def _name(frame: Frame, guests: Mapping[str, Guest], source: str) -> str:
    """Who sent a source, and that it is a screen."""
    peer = source.removeprefix(_SCREEN).removeprefix(_SEAT)
    teacher, guest = teacher_of(peer), guest_of(peer)
    name = peer
    if teacher is not None and teacher in frame.roster.teachers:
        name = frame.roster.teachers[teacher].name
    elif guest is not None and guest in guests:
        name = guests[guest].name or guests[guest].label
    return frame.t("%(name)s 的屏幕", name=name) if source.startswith(_SCREEN) else name


def _player(files: Sequence[SentFile]) -> Mapping[str, Any]:
    """Tracks by source; instants in ms from the recording's start."""
    tracks: dict[str, dict[str, Any]] = {}
    for each in files:
        file = each.file
        track = tracks.setdefault(
            file.source,
            {
                "source": file.source, "name": each.name, "files": [],
                "screen": file.source.startswith(_SCREEN),
            },
        )  # fmt: skip
        track["files"].append(
            {
                "url": each.url,
                "start_ms": round(file.start_s * 1000),
                "end_ms": round((file.start_s + file.duration_s) * 1000),
                "picture": file.width > 0,
                "gaps": [
                    [round(a * 1000), round(b * 1000)]
                    for kind, a, b in file.gaps
                    if kind != "audio"
                ],
            }
        )
    return {"tracks": list(tracks.values())}


async def serve(request: web.Request) -> web.StreamResponse:
    """One file of the recording, with ranges."""
    frame = Frame.of(request)
    session = await frame.services.research.session(OccurrenceId(request.match_info["session"]))
    if not may_watch(frame.user, session):
        raise ProblemError(
            "recording_forbidden",
            "只有管理员和受邀教师可以看这场教研的录像。",
            "The recording is for administrators and for those invited to the session.",
            kind=ProblemKind.FORBIDDEN,
            value=frame.user.login,
        )
    name, services = request.match_info["name"], frame.services
    begins = request.http_range.start in (None, 0)
    found = await services.meeting_recorder.readable(session, name, frame.user.login, begins=begins)
    response = await recorded_file(services.settings.recordings, found, name)
    if "download" in request.query:
        date = session.occurrence.date
        response.headers["Content-Disposition"] = (
            f'attachment; filename="{date}-{session.occurrence.id}-{name}"'
        )
    return response


ROUTES = (
    PageRoute(
        "session-recording-file", "GET", "/research/{session}/recording/{name}", serve, PLANNERS
    ),
)
