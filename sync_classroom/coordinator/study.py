"""Lesson study in a meeting: the leader says what is watched and where, everybody comments.

Callers have found out who somebody is (`MeetingService.as_user`, `as_guest`). The state is in the
store, so that it is the same whichever coordinator is asked, and after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from ..domain import study as studies
from ..domain.ids import OccurrenceId
from ..domain.meeting import GONE
from ..domain.problems import ProblemError, ProblemKind
from ..domain.recordings import RecordedFile, Recording, RecordingState, schools_of
from ..domain.study import MAX_COMMENTS, Comment, Study, Watched, check_mark, comment_text
from ..domain.timetable import Mode, Occurrence
from .evidence_ports import AccessLogStore
from .meetings import SAVE_TRIES, Attendee, left
from .plan_ports import TimetableStore
from .ports import Bus, RecordingStore
from .research import Session
from .research_ports import MeetingStore, StudyStore
from .roster import RosterService
from .services import Clock

#: Recordings that a leader chooses from, the newest; older ones are in the library.
MAX_OFFERED: Final = 100
#: What is looked through for them: a school takes part in a share of all lessons.
_LOOKED_AT: Final = 1000
READ: Final = "study.read"

Change = Callable[[Study, datetime], Study]


class ServiceStore(
    StudyStore, MeetingStore, RecordingStore, TimetableStore, AccessLogStore, Protocol
):
    """Studies, who is there, recordings, and who read them."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A file that the leader may choose."""

    lesson: Occurrence
    file: RecordedFile


class StudyService:
    """Studies of research sessions, by the id of a session's first plan."""

    def __init__(
        self, store: ServiceStore, bus: Bus, *, roster: RosterService, clock: Clock
    ) -> None:
        self._store = store
        self._bus = bus
        self._roster = roster
        self._clock = clock

    async def state(self, session: Session) -> dict[str, Any] | None:
        """What a page shows: what is watched, where it is at the instant `now_ms`, how many
        comments there are. None where nothing was ever watched."""
        study = await self._store.study_of(session.id)
        if study is None:
            return None
        now = self._clock()
        shown: dict[str, Any] = {
            "version": study.version,
            "now_ms": round(now.timestamp() * 1000),
            "playing": study.playing,
            "position_ms": study.position(now),
            "rate": study.rate,
            "comments": await self._store.count_comments(session.id),
            "watched": None,
        }
        if study.watched is not None:
            seen = study.watched
            lesson = await self._store.get_occurrence(seen.lesson)
            shown["watched"] = {
                "lesson": seen.lesson,
                "file": seen.file,
                "title": lesson.title if lesson is not None else seen.lesson,
                "start_ms": seen.start_ms,
                "end_ms": seen.end_ms,
            }
        return shown

    # ------------------------------------------------------------------ the leader

    async def offered(self, session: Session, who: Attendee) -> list[Offered]:
        """Finished recordings of lessons in which the leader's school takes part, newest first.

        ProblemError `leader_chooses` for anybody else.
        """
        _require_leader(who)
        saved = await self._store.saved_recordings(limit=_LOOKED_AT)
        lessons = await self._store.occurrences_of(r.occurrence for r in saved)
        may_show = self._shows(session)
        found = []
        for recording in saved:
            lesson = lessons.get(recording.occurrence)
            if lesson is not None and may_show(lesson):
                found += [Offered(lesson, file) for file in recording.files]
        return found[:MAX_OFFERED]

    async def watch(
        self, session: Session, who: Attendee, client: str, lesson: OccurrenceId, file: str
    ) -> None:
        """Have everybody watch a file. ProblemError `recording_not_offered`."""
        recording = (await self._store.recordings_of([lesson])).get(lesson)
        planned = await self._store.get_occurrence(lesson)
        found = _file(recording, file)
        if found is None or planned is None or not self._shows(session)(planned):
            raise ProblemError(
                "recording_not_offered",
                "这段录像不在可选的范围内，或已按规定删除。请从列表中重新选择。",
                "This recording is not among those to choose from, or was deleted by age. Choose"
                " from the list again.",
                kind=ProblemKind.NOT_FOUND,
                field="file",
                value=f"{lesson}/{file}"[:200],
            )
        start_ms = round(found.start_s * 1000)
        end_ms = start_ms + round(found.duration_s * 1000)
        watched = Watched(lesson, file, start_ms, end_ms)
        await self.lead(session, who, client, lambda s, now: studies.watch(s, watched, now))

    async def lead(self, session: Session, who: Attendee, client: str, change: Change) -> None:
        """Change what is watched or where, as the leader who is there.

        ProblemError `leader_chooses`, `meeting_left`, or what the change refuses.
        """
        _require_leader(who)
        await self.require_here(session, who, client)
        for _ in range(SAVE_TRIES):
            before = await self._store.study_of(session.id) or Study(session.id)
            after = change(before, self._clock())
            if after == before or await self._store.save_study(after) is not None:
                await self._tell(session)
                return
        raise RuntimeError(f"study of {session.id} lost {SAVE_TRIES} races in a row")

    # ------------------------------------------------------------------ everybody

    async def comments(self, session: Session) -> Sequence[Comment]:
        """Every comment, in the order of the lesson."""
        return studies.by_mark(await self._store.comments_of(session.id))

    async def comment(
        self, session: Session, who: Attendee, client: str, mark_ms: int, text: str, *, key: str
    ) -> Comment:
        """Say something of a moment of the lesson that is watched, once for a `key`.

        ProblemError `meeting_left`, `nothing_watched`, `mark_outside`, `comment_invalid` or
        `comments_full`.
        """
        await self.require_here(session, who, client)
        study = await self._store.study_of(session.id)
        if study is None or study.watched is None:
            raise studies.nothing_watched()
        wanted = Comment(
            session.id, 0, study.watched.lesson, check_mark(study.watched, mark_ms),
            comment_text(text), self._clock(), who.peer, who.name,
        )  # fmt: skip
        made = await self._store.add_comment(wanted, key=f"{who.peer}:{key}", most=MAX_COMMENTS)
        if made is None:
            raise ProblemError(
                "comments_full",
                f"一场教研最多 {MAX_COMMENTS} 条看课评论。请把要点写进纪要。",
                f"A session has {MAX_COMMENTS} comments at most. Write into the minutes instead.",
                kind=ProblemKind.CONFLICT,
                field="text",
                value=MAX_COMMENTS,
            )
        await self._tell(session)
        return made

    async def readable(
        self, session: Session, who: Attendee, lesson: OccurrenceId, name: str, *, begins: bool
    ) -> Recording:
        """The recording with the file that is watched, for whoever is in the meeting now.

        With `begins` it is logged. ProblemError `study_not_here` or `study_no_file`.
        """
        presence = await self._store.presence_of(who.peer)
        if (
            presence is None
            or presence.occurrence != session.occurrence.id
            or presence.seen_at < self._clock() - GONE
        ):
            raise ProblemError(
                "study_not_here",
                "只有正在会议中的人可以看这段录像。请先进入会议。",
                "Only those who are in the meeting may watch this recording. Come in first.",
                kind=ProblemKind.FORBIDDEN,
                value=who.peer,
            )
        study = await self._store.study_of(session.id)
        watched = study.watched if study is not None else None
        recording = None
        if watched is not None and (watched.lesson, watched.file) == (lesson, name):
            recording = (await self._store.recordings_of([lesson])).get(lesson)
        if recording is None or _file(recording, name) is None:
            raise ProblemError(
                "study_no_file",
                "现在看的不是这段录像，或它已按规定删除。",
                "This is not the recording that is watched now, or it was deleted by age.",
                kind=ProblemKind.NOT_FOUND,
                field="file",
                value=name[:200],
            )
        if begins:
            target = f"{recording.occurrence}/{name}"
            await self._store.log_access(who.account, READ, target, at=self._clock())
        return recording

    async def require_here(self, session: Session, who: Attendee, client: str) -> None:
        """ProblemError `meeting_left` unless this page is the one they are in the meeting with."""
        presence = await self._store.presence_of(who.peer)
        here = presence is not None and presence.client == client
        if presence is None or not here or presence.occurrence != session.occurrence.id:
            raise left(client)

    def _shows(self, session: Session) -> Callable[[Occurrence], bool]:
        """Whether the leader's school takes part in a lesson, as for watching its recording."""
        roster = self._roster.current()
        leader = roster.teachers.get(session.occurrence.host.teacher)
        school_of = {c.id: c.school for c in roster.classrooms.values()}

        def shows(lesson: Occurrence) -> bool:
            live = lesson.mode is Mode.LIVE
            return live and leader is not None and leader.school in schools_of(lesson, school_of)

        return shows

    async def _tell(self, session: Session) -> None:
        await self._bus.publish(
            "lesson", {"type": "changed", "occurrence": session.occurrence.id, "what": "study"}
        )


def _file(recording: Recording | None, name: str) -> RecordedFile | None:
    if recording is None or recording.state is not RecordingState.SAVED:
        return None
    return next((f for f in recording.files if f.name == name), None)


def _require_leader(who: Attendee) -> None:
    if not who.leads:
        raise ProblemError(
            "leader_chooses",
            "只有主持人可以选录像、播放、暂停和跳转。您可以在任何时间点写评论。",
            "Only the leader chooses the recording, plays, pauses and jumps. You can comment at"
            " any moment.",
            kind=ProblemKind.FORBIDDEN,
            value=who.peer,
        )
