"""Has lessons recorded: asks the relay again and again, and writes down what it answers.

The relay records and keeps; this says what, from when to when. Asking is idempotent, so a relay
that came back after a crash goes on with the same recording at the next look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

import structlog
from prometheus_client import Counter

from ..domain.floor import Floor
from ..domain.ids import OccurrenceId
from ..domain.lesson import LessonRun, LessonState
from ..domain.recordings import Recording, RecordingState, parse_recording, wanted_sources
from ..domain.timetable import Occurrence
from .ports import Bus, LessonStore, RecordingStore, RelayControl, RelayDownError
from .relay_client import RelayRefusedError

log = structlog.get_logger(__name__)

#: A recording is asked for again so often: a relay that came back goes on with it, one whose disk
#: has room again begins, and pages learn how long it is.
AGAIN_S: Final = 10.0
#: How often deletions by age are learnt of; they are counted in days.
DELETED_S: Final = 600.0
#: Live lessons of one relay are some hundred; what was asked of others is forgotten first.
MAX_REMEMBERED: Final = 1000

FAILED = Counter(
    "sync_classroom_recording_commands_failed_total", "Recording commands the relay did not take."
)


class KeeperStore(RecordingStore, LessonStore, Protocol):
    """Recordings, runs and floors."""


class RecordingKeeper:
    """`follow` for every open or live lesson, `settle` at every sweep; both by the leader only.

    `by_default`: whether lessons are recorded unless somebody says otherwise; None: they cannot be.
    """

    def __init__(
        self,
        store: KeeperStore,
        relay: RelayControl,
        bus: Bus,
        *,
        by_default: bool | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._relay = relay
        self._bus = bus
        self._by_default = bool(by_default)
        self.possible = by_default is not None
        self._monotonic = monotonic
        self._asked: dict[OccurrenceId, tuple[tuple[str, ...], str | None, float]] = {}
        self._deleted_at = float("-inf")

    async def wanted(self, occurrence: OccurrenceId) -> bool:
        """Whether a lesson is to be recorded: as somebody said, else as the settings say."""
        if not self.possible:
            return False
        wish = await self._store.recording_wish(occurrence)
        return self._by_default if wish is None else wish

    async def want(self, occurrence: OccurrenceId, wanted: bool, *, actor: str) -> None:
        """Somebody says whether a lesson is to be recorded. KeyError for an unknown lesson."""
        await self._store.want_recording(occurrence, wanted)
        self._asked.pop(occurrence, None)
        log.info("recording.wanted", occurrence=occurrence, wanted=wanted, by=actor)
        await self._tell(occurrence)

    async def of(self, occurrence: OccurrenceId) -> Recording | None:
        """The recording of a lesson, as last heard of."""
        return (await self._store.recordings_of([occurrence])).get(occurrence)

    # ------------------------------------------------------------------ by the leader

    async def follow(self, occurrence: Occurrence, run: LessonRun, boot: str | None) -> None:
        """Record a live lesson if it is wanted; `boot` is the relay's that answers now."""
        if run.state is not LessonState.LIVE or not await self.wanted(occurrence.id):
            return
        floor = await self._store.get_floor(occurrence.id) or Floor(occurrence.id)
        sources, now = wanted_sources(floor.called_on), self._monotonic()
        known = self._asked.get(occurrence.id)
        if known is not None and known[:2] == (sources, boot) and now - known[2] < AGAIN_S:
            return
        answer = await self._ask(
            occurrence.id, partial(self._relay.record, occurrence.id, occurrence.id, sources)
        )
        if answer is None:
            return
        self._asked[occurrence.id] = (sources, boot, now)
        while len(self._asked) > MAX_REMEMBERED:
            del self._asked[next(iter(self._asked))]

    async def settle(self) -> None:
        """Stop what is over or no longer wanted; learn what became of what was stopped."""
        if not self.possible:
            return
        unsettled = await self._store.unsettled_recordings()
        runs = await self._store.runs_of(unsettled)
        for occurrence in unsettled:
            run = runs.get(occurrence)
            live = run is not None and run.state is LessonState.LIVE
            if live and await self.wanted(occurrence):
                continue
            known = await self.of(occurrence)
            if known is not None and known.state is RecordingState.FINISHING:
                await self._ask(occurrence, partial(self._relay.recording, occurrence))
            else:
                await self._ask(occurrence, partial(self._relay.stop_recording, occurrence))
            self._asked.pop(occurrence, None)
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
        for occurrence, recording in known.items():
            if recording.state is not RecordingState.DELETED:
                await self._ask(occurrence, partial(self._relay.recording, occurrence))

    async def _ask(self, occurrence: OccurrenceId, ask: Callable[[], Any]) -> Recording | None:
        """Ask the relay, and write down its answer if it says something new."""
        before = await self.of(occurrence)
        try:
            answer: Mapping[str, Any] = await ask()
            found = parse_recording(occurrence, answer)
        except RelayDownError as error:
            FAILED.inc()
            log.warning("recording.command_failed", occurrence=occurrence, error=str(error))
            return None
        except (RelayRefusedError, ValueError) as error:
            FAILED.inc()
            found = _refused(occurrence, before, error)
        if found != before:
            await self._store.save_recording(found)
            if before is None or (before.state, before.disk_full) != (found.state, found.disk_full):
                log.info(
                    "recording.state",
                    occurrence=occurrence,
                    state=found.state.value,
                    disk_full=found.disk_full,
                    failure=found.failure,
                )
            await self._tell(occurrence)
        return found

    async def _tell(self, occurrence: OccurrenceId) -> None:
        await self._bus.publish(
            "lesson", {"type": "changed", "occurrence": occurrence, "what": "recording"}
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
