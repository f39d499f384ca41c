"""The recording of a meeting: its leader begins and stops it, and everybody in it is told.

What is recorded is what people send, each for themselves and on one clock (`meeting_sources`):
putting voices into one sound would mean to decode them. Nothing is recorded unless the leader said
so, whatever the setting for lessons is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from ..domain.problems import ProblemError, ProblemKind
from ..domain.recordings import Recording, RecordingAct, RecordingState, Told
from .evidence_ports import AccessLogStore
from .meetings import Attendee, MeetingService
from .ports import RecordingStore
from .recordings import RecordingKeeper
from .research import Session
from .services import Clock

READ: Final = "research.recording"


class ServiceStore(RecordingStore, AccessLogStore, Protocol):
    """What people did about recordings, and who read them."""


class MeetingRecorder:
    """Recordings of research sessions. Callers have found out who somebody is."""

    def __init__(
        self,
        store: ServiceStore,
        keeper: RecordingKeeper,
        meetings: MeetingService,
        *,
        clock: Clock,
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._meetings = meetings
        self._clock = clock

    async def told(self, session: Session) -> Told | None:
        """What those in the meeting are told; None where nothing can be recorded."""
        return await self._keeper.told(session.occurrence.id) if self._keeper.possible else None

    async def record(self, session: Session, who: Attendee, client: str, *, on: bool) -> None:
        """Begin or stop recording, as the leader who is there; again changes nothing.

        ProblemError `leader_only`, `recording_off`, `meeting_left`, `meeting_over` or
        `recording_acts_full`.
        """
        if not who.leads:
            raise ProblemError(
                "leader_only",
                "只有主持人可以开始和停止录制。请向主持人提出。",
                "Only the leader begins and stops recording. Ask them.",
                kind=ProblemKind.FORBIDDEN,
                value=who.peer,
            )
        if not self._keeper.possible:
            raise ProblemError(
                "recording_off",
                "这台服务器没有设置录像目录（relay.recording_dir），不能录制。请联系管理员。",
                "This server has no folder for recordings (relay.recording_dir). Ask an"
                " administrator.",
                kind=ProblemKind.CONFLICT,
            )
        if (await self._meetings.here(session, who, client))["over"]:
            raise ProblemError(
                "meeting_over",
                "会议已经结束，不能再录制。",
                "The meeting is over and can no longer be recorded.",
                kind=ProblemKind.CONFLICT,
                value=session.occurrence.id,
            )
        await self._keeper.want(session.occurrence.id, on, actor=who.account)

    async def acts(self, session: Session) -> Sequence[RecordingAct]:
        """Who began and stopped it, as they did."""
        return await self._store.recording_acts(session.occurrence.id)

    async def of(self, session: Session) -> Recording | None:
        """The recording, as last heard of."""
        return await self._keeper.of(session.occurrence.id)

    async def readable(self, session: Session, name: str, login: str, *, begins: bool) -> Recording:
        """The finished recording with a file of this name, for one who may watch it.

        With `begins` the reading is logged. ProblemError `recording_not_found`.
        """
        found = await self.of(session)
        saved = found is not None and found.state is RecordingState.SAVED
        if found is None or not saved or not any(name == f.name for f in found.files):
            raise ProblemError(
                "recording_not_found",
                "没有这个录像文件，它可能还在整理，或已按规定删除。请回到教研页查看。",
                "There is no such file; it may not be finished yet, or was deleted by age. The"
                " session's page says what is there.",
                kind=ProblemKind.NOT_FOUND,
                field="name",
                value=name[:200],
            )
        if begins:
            target = f"{found.occurrence}/{name}"
            await self._store.log_access(login, READ, target, at=self._clock())
        return found
