"""A coordinator's lesson side on real SQLite, with a clock to turn and a relay that takes notes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from sync_classroom.coordinator.booth import Booth, build_booth
from sync_classroom.coordinator.lease import LeaseKeeper
from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.coordinator.ports import (
    IngestStatus,
    JournalPage,
    PeerStatus,
    RelayDownError,
    RelayStatus,
    RoomSpec,
)
from sync_classroom.coordinator.relay_client import RelayRefusedError
from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    TeacherId,
)
from sync_classroom.domain.lesson import LessonRules, LessonRun
from sync_classroom.domain.roster import (
    Classroom,
    Roster,
    School,
    SchoolClass,
    SchoolRole,
    Teacher,
)
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.store.database import Database
from tests.support.databases import file_store
from tests.support.plan_changes import book
from tests.support.plans import at

# The default draws every local variable of every frame, which takes a second per exception.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)

ZONE = ZoneInfo("Asia/Shanghai")
RULES = LessonRules()
JOINED = date(2020, 9, 1)


class TurnedClock:
    """A clock that stands still until it is turned."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **duration: float) -> None:
        """Go forward (or back, if negative) by hours, minutes, seconds."""
        self.now += timedelta(**duration)


class RunningClock:
    """Real time moved by an offset, which a test may step."""

    def __init__(self, now: datetime) -> None:
        self._offset = now - datetime.now(now.tzinfo)
        self._zone = now.tzinfo

    def __call__(self) -> datetime:
        return datetime.now(self._zone) + self._offset

    def step(self, **duration: float) -> None:
        """Step the clock as a person or NTP would."""
        self._offset += timedelta(**duration)


def peer(
    room: str,
    name: str,
    direction: str,
    source: str | None = None,
    *,
    last_media_s: float | None = 0.1,
    connected: bool = True,
) -> PeerStatus:
    """One relay session."""
    return PeerStatus(
        room=room,
        peer=name,
        direction=direction,
        source=source,
        connected=connected,
        path="udp",
        rtt_ms=12.5,
        packets=100,
        bytes=50_000,
        loss=0.0,
        jitter_ms=1.0,
        last_media_s=last_media_s,
    )


def account(recording: str, room: str, **changes: Any) -> dict[str, Any]:
    """A relay's account of a recording that has just begun."""
    return {
        "schema": "sync-classroom/recording/1", "id": recording, "room": room, "relay": "relay-1",
        "started_at": at("09:00").isoformat(), "state": "recording", "ended_at": None,
        "disk_full": False, "deleted_at": None, "lost_packets": 0, "failure": None, "tries": 0,
        "sources": [],
    } | changes  # fmt: skip


class RecordedRelay:
    """Satisfies `RelayControl`: rooms as they were asked for, media as the test says it is."""

    def __init__(self) -> None:
        self.relay = "relay-1"
        self.boot = "boot-1"
        self.down = False
        self.rooms: dict[str, RoomSpec] = {}
        self.peers: list[PeerStatus] = []
        self.deleted: list[str] = []
        self.kicked: list[tuple[str, str]] = []
        self.puts = 0
        self.ingests: list[IngestStatus] = []
        self.journal_records: list[Mapping[str, Any]] = []
        self.confirmed: str | None = None
        self.page_limit = 1000
        self.recorded: list[tuple[str, tuple[str, ...]]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.refusal: RelayRefusedError | None = None

    def reboot(self) -> None:
        """A killed relay that came back: nothing is left of its rooms and sessions."""
        self.boot = f"boot-{int(self.boot.rpartition('-')[2]) + 1}"
        self.rooms.clear()
        self.peers.clear()

    def host_flows(self, room: str, flowing: bool = True) -> None:
        """Whether the host's camera arrives in a room."""
        self.peers = [p for p in self.peers if not (p.room == room and p.peer == "host")]
        if flowing:
            self.peers.append(peer(room, "host", "publish", "camera"))

    def _answer(self) -> None:
        if self.down:
            raise RelayDownError("recorded relay is down")

    async def status(self, room: str | None = None) -> RelayStatus:
        self._answer()
        peers = tuple(p for p in self.peers if room is None or p.room == room)
        ingests = tuple(self.ingests)
        return RelayStatus(self.relay, self.boot, False, tuple(self.rooms), peers, ingests)

    async def put_room(self, spec: RoomSpec) -> None:
        self._answer()
        self.puts += 1
        self.rooms[spec.room] = spec

    async def delete_room(self, room: str) -> None:
        self._answer()
        self.rooms.pop(room, None)
        self.peers = [p for p in self.peers if p.room != room]
        self.deleted.append(room)

    async def kick(self, room: str, peer: str) -> None:
        self._answer()
        self.kicked.append((room, peer))

    async def journal(self, after: str | None, limit: int) -> JournalPage:
        self._answer()
        start = 0 if after is None else int(after)
        end = min(len(self.journal_records), start + min(limit, self.page_limit))
        return JournalPage(
            tuple(self.journal_records[start:end]), str(end), end < len(self.journal_records)
        )

    async def confirm_journal(self, cursor: str) -> None:
        self._answer()
        self.confirmed = cursor

    async def record(self, recording: str, room: str, sources: Sequence[str]) -> Mapping[str, Any]:
        self._answer()
        if self.refusal is not None:
            raise self.refusal
        self.recorded.append((recording, tuple(sources)))
        answer = self.answers.setdefault(recording, account(recording, room))
        answer["state"] = "recording"
        return answer

    async def stop_recording(self, recording: str) -> Mapping[str, Any]:
        answer = await self.recording(recording)
        if answer["state"] == "recording":
            self.answers[recording] |= {"state": "finishing", "ended_at": at("09:40").isoformat()}
        return self.answers[recording]

    async def recording(self, recording: str) -> Mapping[str, Any]:
        self._answer()
        if recording not in self.answers:
            raise RelayRefusedError(404, "recording_unknown", "there is no such recording")
        return self.answers[recording]

    async def recordings(self, state: str) -> Sequence[str]:
        self._answer()
        return [name for name, answer in self.answers.items() if answer["state"] == state]


@dataclass
class Terminals:
    """Who is connected, and what they say of their lines."""

    connected: set[str] = field(default_factory=set)
    lines: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    def online(self) -> frozenset[ClassroomId]:
        return frozenset(ClassroomId(c) for c in self.connected)

    def line_of(self, classroom: ClassroomId) -> Any:
        state = self.lines.get(classroom)
        return None if state is None else _Line(state, self.paths.get(classroom, "none"))


@dataclass(frozen=True)
class _Line:
    state: str
    path: str
    loss: float | None = 0.04


def roster() -> Roster:
    """Two host schools, two remote schools with four classrooms each, classes and teachers."""
    schools = [
        School(SchoolId("host-1"), "主讲校一", SchoolRole.HOST, JOINED),
        School(SchoolId("host-2"), "主讲校二", SchoolRole.HOST, JOINED),
        School(SchoolId("far-1"), "受援校一", SchoolRole.REMOTE, JOINED),
        School(SchoolId("far-2"), "受援校二", SchoolRole.REMOTE, JOINED, date(2027, 7, 1)),
    ]
    classrooms = [
        Classroom(ClassroomId(f"{s}-r{n}"), SchoolId(s), f"{n}号教室", JOINED)
        for s in ("host-1", "host-2", "far-1", "far-2")
        for n in range(1, 5)
    ]
    classrooms.append(
        Classroom(ClassroomId("far-1-old"), SchoolId("far-1"), "旧教室", JOINED, date(2026, 1, 1))
    )
    classes = [
        SchoolClass(ClassId(f"{s}-c{n}"), SchoolId(s), n, f"{n}年级", 40)
        for s in ("host-1", "far-1", "far-2")
        for n in (1, 2)
    ]
    teachers = [
        Teacher(TeacherId(f"{s}-t{n}"), SchoolId(s), f"{s}老师{n}")
        for s in ("host-1", "host-2")
        for n in (1, 2)
    ]
    return Roster(
        schools={s.id: s for s in schools},
        classrooms={c.id: c for c in classrooms},
        classes={c.id: c for c in classes},
        teachers={t.id: t for t in teachers},
    )


@dataclass
class Bench:
    """One coordinator's lesson side, not yet running."""

    store: Database
    bus: LocalBus
    relay: RecordedRelay
    clock: Any
    terminals: Terminals
    lease: LeaseKeeper
    booth: Booth

    async def add(self, *occurrences: Occurrence) -> None:
        """Store occurrences as planned."""
        for occurrence in occurrences:
            await book(self.store, occurrence, key=f"k-{occurrence.id}", gap_s=0)

    async def run_of(self, occurrence: str) -> LessonRun | None:
        """The stored run."""
        return await self.store.get_run(OccurrenceId(occurrence))

    async def state_of(self, occurrence: str) -> str | None:
        """The stored state."""
        run = await self.run_of(occurrence)
        return None if run is None else run.state.value

    async def sweep(self, *, first: bool = False) -> None:
        """One poll of the relay and one sweep, as the leader."""
        await self.lease.renew()
        await self.booth.media.refresh()
        await self.booth.runner.follow_media()
        await self.booth.runner.follow_recordings()
        await self.booth.runner.sweep(first=first)
        if first:
            await self.booth.runner.catch_up()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Lease, watch and runner as tasks."""
        tasks = [
            asyncio.create_task(self.lease.run(), name="lease"),
            asyncio.create_task(self.booth.media.run(), name="media"),
            asyncio.create_task(self.booth.runner.run(), name="runner"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            broken = [r for r in results if not isinstance(r, asyncio.CancelledError)]
            assert broken == []


@asynccontextmanager
async def bench(
    folder: Path,
    *,
    clock: Any = None,
    store: Database | None = None,
    bus: LocalBus | None = None,
    relay: RecordedRelay | None = None,
    holder: str = "one",
    sweep_s: float = 0.2,
    rules: LessonRules = RULES,
    record: bool = False,
) -> AsyncIterator[Bench]:
    """A bench at 08:00 of the test day; shares what it is given with another bench."""
    clock = clock or TurnedClock(at("08:00"))
    opened = store or await file_store(folder)
    bus = bus or LocalBus()
    relay = relay or RecordedRelay()
    terminals = Terminals()
    lease = LeaseKeeper(opened, holder)
    try:
        if store is None:
            await opened.apply_roster(roster())
        booth = await build_booth(
            opened,
            bus,
            relay,
            lease,
            terminals,
            TokenMinter(folder / "token.jwk"),
            clock=clock,
            zone=ZONE,
            rules=rules,
            relay_id="relay-1",
            relay_url="https://relay.example",
            sweep_s=sweep_s,
            poll_s=0.05,
            record=True if record else None,
        )
        yield Bench(opened, bus, relay, clock, terminals, lease, booth)
    finally:
        if store is None:
            await opened.close()


@asynccontextmanager
async def heard(bus: LocalBus, channel: str) -> AsyncIterator[list[Mapping[str, Any]]]:
    """Every message of a channel while inside, in a list."""
    messages: list[Mapping[str, Any]] = []
    async with bus.subscribe(channel) as stream:

        async def listen() -> None:
            async for message in stream:
                messages.append(message)  # noqa: PERF401 - seen while the stream goes on

        task = asyncio.create_task(listen())
        try:
            yield messages
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def seats_of(occurrence: Occurrence) -> Sequence[str]:
    """The seat ids of a lesson."""
    return [s.id for s in occurrence.seats]


def sources(slots: Iterable[str | None]) -> list[str | None]:
    """A layout's slots without the idle ones at the end."""
    listed = list(slots)
    while listed and listed[-1] is None:
        listed.pop()
    return listed
