"""What a room missed of the lesson it is in, to be watched there from the recording while it runs.

The evidence says what was missed, so it is the same after a reload, on another device or node. What
is watched this way writes no fact: it is no attendance of the live lesson.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import structlog

from ..domain.accounts import Terminal
from ..domain.crediting import SeatState
from ..domain.ids import OccurrenceId
from ..domain.intervals import Spans, second_of
from ..domain.lesson import LessonState
from ..domain.make_up import is_on
from ..domain.missed import Missed, growing, missed_of, watchable
from ..domain.page_track import TrackPage
from ..domain.problems import ProblemError, ProblemKind
from ..domain.recordings import Recording, RecordingState
from ..domain.timetable import Seat
from .evidence import EvidenceService
from .page_tracks import PageTracks
from .ports import LessonStore
from .push_ports import PushOrderStore
from .recordings import RecordingKeeper
from .views import Interval, Timeline

log = structlog.get_logger(__name__)

#: After a relay's restart all rooms of a lesson ask together: its evidence is read once for them.
FRESH_S: Final = 3.0
#: Lessons whose evidence is kept so long; more run at no time.
MAX_KEPT: Final = 64
#: Sent at once: at 1 Mbit/s half a second.
BLOCK: Final = 64 * 1024


class Stretch(Protocol):
    """Bytes `[0, header)`, then `[first, last)` of a file play alone; see `relay.recording`."""

    @property
    def media_type(self) -> str:
        """With codecs, as a browser's source buffer wants it."""
        ...

    @property
    def header(self) -> int:
        """The length of what stands before the first fragment."""
        ...

    @property
    def first(self) -> int:
        """Where the first fragment begins."""
        ...

    @property
    def last(self) -> int:
        """Where the last one ends."""
        ...


FindStretch = Callable[[Path, float, float], Stretch]
"""Seconds from the file's start to the bytes that play them; blocking. OSError, or ValueError for a
file that is not written in fragments."""


class MissedStore(LessonStore, PushOrderStore, Protocol):
    """How lessons run, and whether missed ones are pushed by themselves."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a room may watch now. `until`: how far its evidence goes, None where there is none.

    `over`: the lesson has ended, and nothing is offered any more; `make_up`: its recording comes by
    an automatic push, as the seat received too little.
    """

    over: bool
    make_up: bool
    until: datetime | None
    spans: tuple[Missed, ...]
    recording: Recording | None
    pages: tuple[TrackPage, ...] = ()


class MissedService:
    """`folder` is where the relay keeps recordings, None if it keeps none."""

    def __init__(
        self,
        store: MissedStore,
        evidence: EvidenceService,
        keeper: RecordingKeeper,
        tracks: PageTracks,
        find: FindStretch,
        *,
        folder: Path | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._evidence = evidence
        self._keeper = keeper
        self._tracks = tracks
        self._find = find
        self._folder = folder
        self._monotonic = monotonic
        self._kept: dict[OccurrenceId, tuple[float, Timeline | None]] = {}
        self._reading = asyncio.Lock()

    async def offer(self, terminal: Terminal, lesson: OccurrenceId) -> Offer:
        """What the terminal's room missed of a lesson; ProblemError if it has no seat in it."""
        timeline, seat = await self._seat(terminal, lesson)
        line = timeline.of(seat.id)
        until = line.delivered[-1][1] if line.delivered else None
        run = (await self._store.runs_of([lesson])).get(lesson)
        if run is None or run.state is not LessonState.LIVE:
            over = run is not None and run.state is LessonState.ENDED
            return Offer(over, over and await self._made_up(lesson, line.state), until, (), None)
        spans = missed_of(
            _spans(timeline.host),
            _spans(line.delivered),
            second_of(timeline.view.occurrence.starts_at),
        )
        wanted = self._folder is not None and await self._keeper.wanted(lesson)
        if not spans or not wanted:
            return Offer(False, False, until, (), None)
        recording = await self._keeper.as_it_grows(lesson)
        if recording is not None and recording.state is not RecordingState.RECORDING:
            return Offer(False, False, until, (), None)
        pages: tuple[TrackPage, ...] = ()
        if recording is not None and (zero := recording.started_at) is not None:
            first, last = spans[0][0] - zero.timestamp(), spans[-1][1] - zero.timestamp()
            pages = await self._tracks.of(lesson, zero, from_s=first, to_s=last)
        return Offer(False, False, until, watchable(spans, recording), recording, pages)

    async def _made_up(self, lesson: OccurrenceId, state: str) -> bool:
        """Whether the automatic rule will push this lesson's recording to a seat in this state."""
        if state not in (SeatState.PARTIAL, SeatState.MISSED):
            return False
        recording = await self._keeper.of(lesson)
        there = recording is not None and recording.state not in (
            RecordingState.DELETED,
            RecordingState.REFUSED,
        )
        return there and is_on(await self._store.push_switch())

    async def stretch(
        self, terminal: Terminal, lesson: OccurrenceId, name: str, from_s: float, to_s: float
    ) -> tuple[Path, Stretch]:
        """Where the bytes are that play `[from_s, to_s)` of a file, on the recording's time.

        ProblemError if the room has no seat in the lesson, it does not run, or has no such file.
        """
        await self._seat(terminal, lesson)
        run = (await self._store.runs_of([lesson])).get(lesson)
        if run is None or run.state is not LessonState.LIVE:
            raise _no_file(lesson, name)
        recording = await self._keeper.as_it_grows(lesson)
        files = () if recording is None else growing(recording)
        file = next((f for f in files if f.name == name), None)
        if recording is None or file is None or self._folder is None:
            raise _no_file(lesson, name)
        path = self._folder / recording.folder / name
        # Both names come from our own database; even so, nothing leads out.
        if path.parent.parent != self._folder or ".." in (recording.folder, name):
            raise _no_file(lesson, name)
        try:
            found = await asyncio.to_thread(
                self._find, path, from_s - file.start_s, to_s - file.start_s
            )
        except (OSError, ValueError) as error:
            log.warning("missed.not_readable", lesson=lesson, file=name, error=str(error))
            raise _no_file(lesson, name) from error
        log.info(
            "missed.watched",
            lesson=lesson,
            classroom=terminal.classroom,
            file=name,
            from_s=round(from_s, 1),
            to_s=round(to_s, 1),
        )
        return path, found

    async def _seat(self, terminal: Terminal, lesson: OccurrenceId) -> tuple[Timeline, Seat]:
        timeline = await self._timeline(lesson)
        seats = () if timeline is None else timeline.view.occurrence.active_seats
        for seat in seats:
            if seat.classroom == terminal.classroom:
                assert timeline is not None
                return timeline, seat
        raise ProblemError(
            "lesson_not_here",
            f"本教室不在课次 {lesson} 里，看不到它的录像。",
            f"This classroom has no seat in lesson {lesson}, so it cannot watch what was recorded"
            " of it.",
            kind=ProblemKind.NOT_FOUND,
            field="lesson",
            value=lesson,
        )

    async def _timeline(self, lesson: OccurrenceId) -> Timeline | None:
        # One after another: those who wait find what the first one read.
        async with self._reading:
            now = self._monotonic()
            kept = self._kept.pop(lesson, None)
            if kept is None or now - kept[0] >= FRESH_S:
                kept = (now, await self._evidence.timeline(lesson))
            self._kept[lesson] = kept
            if len(self._kept) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            return kept[1]


async def blocks(path: Path, stretch: Stretch) -> AsyncIterator[bytes]:
    """The bytes of a stretch, a little at a time; fewer if the file is deleted meanwhile."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        yield await asyncio.to_thread(file.read, stretch.header)
        await asyncio.to_thread(file.seek, stretch.first)
        left = stretch.last - stretch.first
        while left > 0 and (block := await asyncio.to_thread(file.read, min(BLOCK, left))):
            left -= len(block)
            yield block
    finally:
        file.close()


def _spans(intervals: tuple[Interval, ...]) -> Spans:
    return tuple((second_of(first), second_of(last)) for first, last in intervals)


def _no_file(lesson: OccurrenceId, name: str) -> ProblemError:
    return ProblemError(
        "missed_not_there",
        f"课次 {lesson} 现在没有可补看的录像文件 {name}：课已结束、录像已停，或文件已不在。",
        f"There is no file {name} of lesson {lesson} to watch now: the lesson is over, recording"
        " has stopped, or the file is gone.",
        kind=ProblemKind.NOT_FOUND,
        field="name",
        value=name,
    )
