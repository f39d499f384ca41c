"""What a bench of the scheduler has instead of a relay, of terminals and of a morning to wait."""

# The protocols say which arguments there are, and what they mean.
# ruff: noqa: ARG002, D102

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sync_classroom.coordinator.ports import JournalPage, PeerStatus, RelayStatus, RoomSpec
from sync_classroom.domain.ids import ClassroomId


class OffsetClock:
    """Real time, moved so that it is `begins_at` now."""

    def __init__(self, begins_at: datetime) -> None:
        self._offset = begins_at - datetime.now(UTC)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._offset


class InProcessRelay:
    """`RelayControl` that takes a moment for every command, and remembers when rooms were made."""

    def __init__(self, clock: Callable[[], datetime], command_s: float) -> None:
        self._clock = clock
        self._command_s = command_s
        self.rooms: dict[str, RoomSpec] = {}
        self.made: dict[str, datetime] = {}
        self.made_again: set[str] = set()
        self.flowing: set[str] = set()

    async def _take(self) -> None:
        await asyncio.sleep(self._command_s)

    async def status(self, room: str | None = None) -> RelayStatus:
        await self._take()
        peers = tuple(_host(name) for name in self.flowing if name in self.rooms)
        return RelayStatus("relay-1", "boot-1", False, tuple(self.rooms), peers)

    async def put_room(self, spec: RoomSpec) -> None:
        await self._take()
        self.rooms[spec.room] = spec
        self.made.setdefault(spec.room, self._clock())

    async def delete_room(self, room: str) -> None:
        await self._take()
        self.rooms.pop(room, None)

    async def kick(self, room: str, peer: str) -> None:
        await self._take()

    async def journal(self, after: str | None, limit: int) -> JournalPage:
        return JournalPage((), after or "0", False)

    async def confirm_journal(self, cursor: str) -> None:
        return

    async def record(self, recording: str, room: str, sources: Sequence[str]) -> Mapping[str, Any]:
        await self._take()
        return {
            "schema": "sync-classroom/recording/1", "id": recording, "room": room,
            "relay": "relay-1", "started_at": self._clock().isoformat(), "state": "recording",
            "ended_at": None, "disk_full": False, "deleted_at": None, "lost_packets": 0,
            "failure": None, "tries": 0, "sources": [],
        }  # fmt: skip

    async def stop_recording(self, recording: str) -> Mapping[str, Any]:
        return {**await self.record(recording, recording, ()), "state": "finishing",
                "ended_at": self._clock().isoformat()}  # fmt: skip

    async def recording(self, recording: str) -> Mapping[str, Any]:
        return await self.stop_recording(recording)

    async def recordings(self, state: str) -> Sequence[str]:
        return []


def _host(room: str) -> PeerStatus:
    return PeerStatus(
        room, "host", "publish", "camera", True, "udp", 5.0, 100, 50_000, 0.0, 1.0, 0.1
    )


class Everyone:
    """Every terminal is connected to another coordinator."""

    def __init__(self, rooms: frozenset[ClassroomId]) -> None:
        self._rooms = rooms

    def online(self) -> frozenset[ClassroomId]:
        return self._rooms

    def line_of(self, classroom: ClassroomId) -> None:
        return None
