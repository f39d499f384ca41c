"""Has lessons recorded: asks the relay again and again, and writes down what it answers.

The relay records and keeps; this says what, from when to when. Asking is idempotent, so a relay
that came back after a crash goes on with the same recording at the next look.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

import structlog
from prometheus_client import Counter

from ..domain.floor import Floor
from ..domain.ids import OccurrenceId
from ..domain.lesson import LessonRun, LessonState
from ..domain.problems import ProblemError, ProblemKind
from ..domain.recordings import (
    Recording,
    RecordingState,
    Told,
    parse_recording,
    told,
    wanted_sources,
)
from .meeting_layout import meeting_sources
from .ports import Bus, LessonStore, RecordingStore, RelayControl, RelayDownError
from .relay_client import RelayRefusedError
from .research_ports import MeetingStore
from .services import Clock

log = structlog.get_logger(__name__)

#: A recording is asked for again so often: a relay that came back goes on with it, one whose disk
#: has room again begins, and pages learn how long it is.
AGAIN_S: Final = 10.0
#: How often deletions by age are learnt of; they are counted in days.
DELETED_S: Final = 600.0
#: Live lessons of one relay are some hundred; what was asked of others is forgotten first.
MAX_REMEMBERED: Final = 1000

#: Beginnings and stops of one recording; a person who presses a button comes nowhere near.
MAX_ACTS: Final = 200

#: This many commands are under way at the relay together.
AT_ONCE: Final = 16

FAILED = Counter(
    "sync_classroom_recording_commands_failed_total", "Recording commands the relay did not take."
)


_Ask = Callable[[], Awaitable[Mapping[str, Any]]]


class KeeperStore(RecordingStore, LessonStore, MeetingStore, Protocol):
    """Recordings, runs and floors, and which of them are meetings."""


class RecordingKeeper:
    """`follow` for the open and live lessons, `settle` at every sweep; both by the leader only.

    `by_default`: whether lessons are recorded unless somebody says otherwise; None: they cannot be.
    """

    def __init__(
        self,
        store: KeeperStore,
        relay: RelayControl,
        bus: Bus,
        *,
        by_default: bool | None,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._relay = relay
        self._bus = bus
        self._by_default = bool(by_default)
        self.possible = by_default is not None
        self._clock = clock
        self._monotonic = monotonic
        self._asked: dict[OccurrenceId, tuple[tuple[str, ...], str | None, float]] = {}
        self._deleted_at = float("-inf")

    async def wanted(self, occurrence: OccurrenceId) -> bool:
        """Whether a lesson is to be recorded: as somebody said, else as the settings say."""
        return occurrence in await self._wanted_of([occurrence])

    async def _wanted_of(
        self, occurrences: Collection[OccurrenceId], meetings: Collection[OccurrenceId] = ()
    ) -> frozenset[OccurrenceId]:
        """Those of these lessons that are to be recorded; of `meetings` if somebody said so."""
        if not self.possible or not occurrences:
            return frozenset()
        wishes = await self._store.recording_wishes(occurrences)
        return frozenset(
            o for o in occurrences if wishes.get(o, self._by_default and o not in meetings)
        )

    async def told(self, occurrence: OccurrenceId) -> Told:
        """What those in a meeting are told of its being recorded."""
        wishes = await self._store.recording_wishes([occurrence])
        return told(wishes.get(occurrence, False), await self.of(occurrence))

    async def want(self, occurrence: OccurrenceId, wanted: bool, *, actor: str) -> None:
        """Somebody says whether a lesson is to be recorded: it begins at the next look, and stops
        at once. KeyError for an unknown lesson, ProblemError `recording_acts_full`.
        """
        if not await self._store.want_recording(
            occurrence, wanted, by=actor, at=self._clock(), most=MAX_ACTS
        ):
            raise ProblemError(
                "recording_acts_full",
                f"这里的录制已开始和停止过 {MAX_ACTS} 次，不能再开始。",
                f"Recording was begun and stopped {MAX_ACTS} times here and is not begun again.",
                kind=ProblemKind.CONFLICT,
                value=MAX_ACTS,
            )
        self._asked.pop(occurrence, None)
        log.info("recording.wanted", occurrence=occurrence, wanted=wanted, by=actor)
        known = await self.of(occurrence)
        if not wanted and known is not None and known.state is RecordingState.RECORDING:
            await self._ask({occurrence: partial(self._relay.stop_recording, occurrence)})
        await self._tell(occurrence)

    async def of(self, occurrence: OccurrenceId) -> Recording | None:
        """The recording of a lesson, as last heard of."""
        return (await self._store.recordings_of([occurrence])).get(occurrence)

    async def as_it_grows(self, occurrence: OccurrenceId) -> Recording | None:
        """The recording as the relay has it at this moment, else as last heard of."""
        try:
            return parse_recording(occurrence, await self._relay.recording(occurrence))
        except (RelayDownError, RelayRefusedError, ValueError) as error:
            log.info("recording.not_told", occurrence=occurrence, error=str(error))
            return await self.of(occurrence)

    # ------------------------------------------------------------------ by the leader

    async def follow(self, runs: Iterable[LessonRun], boot: str | None) -> None:
        """Record the live ones of these lessons if it is wanted; a meeting if its leader said so.

        `boot` is the relay's that answers now.
        """
        live = [run.occurrence for run in runs if run.state is LessonState.LIVE]
        if not self.possible or not live:
            return
        meetings = {stage.occurrence: stage for stage in await self._store.open_stages()}
        wanted = await self._wanted_of(live, meetings)
        if not wanted:
            return
        floors, now = await self._store.floors_of(wanted), self._monotonic()
        asked: dict[OccurrenceId, tuple[tuple[str, ...], str | None, float]] = {}
        for occurrence in wanted:
            if occurrence in meetings:
                sources = meeting_sources(meetings[occurrence])
            else:
                sources = wanted_sources((floors.get(occurrence) or Floor(occurrence)).called_on)
            known = self._asked.get(occurrence)
            if known is None or known[:2] != (sources, boot) or now - known[2] >= AGAIN_S:
                asked[occurrence] = (sources, boot, now)
        answered = await self._ask(
            {o: partial(self._relay.record, o, o, how[0]) for o, how in asked.items()}
        )
        self._asked |= {occurrence: asked[occurrence] for occurrence in answered}
        while len(self._asked) > MAX_REMEMBERED:
            del self._asked[next(iter(self._asked))]

    async def settle(self) -> None:
        """Stop what is over or no longer wanted; learn what became of what was stopped."""
        if not self.possible:
            return
        unsettled = await self._store.unsettled_recordings()
        runs = await self._store.runs_of(unsettled)
        live = [o for o in unsettled if o in runs and runs[o].state is LessonState.LIVE]
        goes_on = await self._wanted_of(live)
        over = [o for o in unsettled if o not in goes_on]
        known = await self._store.recordings_of(over)
        asks: dict[OccurrenceId, _Ask] = {}
        for occurrence in over:
            recording = known.get(occurrence)
            finishing = recording is not None and recording.state is RecordingState.FINISHING
            ask = self._relay.recording if finishing else self._relay.stop_recording
            asks[occurrence] = partial(ask, occurrence)
            self._asked.pop(occurrence, None)
        await self._ask(asks)
        if self._monotonic() - self._deleted_at >= DELETED_S:
            await self._hear_of_deletions()

    async def _hear_of_deletions(self) -> None:
        try:
            gone = [OccurrenceId(found) for found in await self._relay.recordings("deleted")]
        except (RelayDownError, RelayRefusedError) as error:
            log.info("recordings.not_listed", error=str(error))
            return
        self._deleted_at = self._monotonic()
        known = await self._store.recordings_of(gone)
        unheard = [o for o, known in known.items() if known.state is not RecordingState.DELETED]
        await self._ask({o: partial(self._relay.recording, o) for o in unheard})

    async def _ask(self, asks: Mapping[OccurrenceId, _Ask]) -> Collection[OccurrenceId]:
        """Ask the relay, some at a time, and write down what says something new; who had an answer.

        Of a relay that did not answer no more is asked; the next look tries again.
        """
        if not asks:
            return ()
        before = await self._store.recordings_of(asks)
        found: dict[OccurrenceId, Recording] = {}
        waiting = iter(asks.items())

        async def ask_some() -> None:
            for occurrence, ask in waiting:
                answer = await self._answer(occurrence, ask, before.get(occurrence))
                if answer is None:
                    return
                found[occurrence] = answer

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(asks))):
                group.create_task(ask_some())
        news = [new for o, new in found.items() if new != before.get(o)]
        if news:
            await self._store.save_recordings(news)
        for new in news:
            _say(before.get(new.occurrence), new)
            await self._tell(new.occurrence)
        return found.keys()

    async def _answer(
        self, occurrence: OccurrenceId, ask: _Ask, before: Recording | None
    ) -> Recording | None:
        """What the relay's answer makes of the recording; None without an answer."""
        try:
            return parse_recording(occurrence, await ask())
        except RelayDownError as error:
            FAILED.inc()
            log.warning("recording.command_failed", occurrence=occurrence, error=str(error))
            return None
        except (RelayRefusedError, ValueError) as error:
            FAILED.inc()
            return _refused(occurrence, before, error)

    async def _tell(self, occurrence: OccurrenceId) -> None:
        await self._bus.publish(
            "lesson", {"type": "changed", "occurrence": occurrence, "what": "recording"}
        )


def _say(before: Recording | None, new: Recording) -> None:
    """Log a recording that came into another state."""
    if before is None or (before.state, before.disk_full) != (new.state, new.disk_full):
        log.info(
            "recording.state",
            occurrence=new.occurrence,
            state=new.state.value,
            disk_full=new.disk_full,
            failure=new.failure,
        )


def _refused(
    occurrence: OccurrenceId, before: Recording | None, error: RelayRefusedError | ValueError
) -> Recording:
    """What a refusal makes of what was known."""
    code = error.code if isinstance(error, RelayRefusedError) else "recording_unreadable"
    if before is None or before.state is RecordingState.REFUSED:
        # Never begun, and over if there is nothing of it at the relay either.
        state = RecordingState.REFUSED
        if code == "recording_unknown":
            state = RecordingState.SAVED
            code = "" if before is None else before.failure or ""
        full = code == "recording_disk_full" or (before is not None and before.disk_full)
        return Recording(occurrence, state, occurrence, disk_full=full, failure=code or None)
    if code == "recording_unknown":  # the folder was emptied by hand
        return replace(before, state=RecordingState.DELETED, deleted_at=_last(before))
    full = code == "recording_disk_full" or before.disk_full
    return replace(before, disk_full=full, failure=code)


def _last(recording: Recording) -> datetime | None:
    return recording.ended_at or recording.started_at
