"""A virtual room's own journal, kept and sent as a classroom's page does (terminal protocol)."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

#: A sample covers at most so long; media that came less long ago than `QUIET_S` still moves.
SAMPLE_S: Final = 10.0
QUIET_S: Final = 2.0
#: Between two looks further apart than this the room slept, and knows nothing.
ASLEEP_S: Final = 4.0
LEAST_S: Final = 0.5
#: Samples that wait for a server: some ten hours; the oldest are thrown away beyond it, and told.
MOST: Final = 4_000
BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Received:
    """Totals of a room's present session. `last_at` is when a packet last came, monotonic s."""

    frames: int = 0
    sound: int = 0
    last_at: float = float("-inf")


@dataclass(slots=True)
class _Open:
    lesson: str
    seat: str
    began: float
    at: float
    clock_ms: float
    offset_ms: float | None
    moved_s: float = 0.0
    frames: int = 0
    sound: int = 0


class RoomJournal:
    """Samples of what one room received, numbered for good; `message` is what is posted."""

    def __init__(self) -> None:
        self._spool = secrets.token_hex(16)
        self._waiting: deque[dict[str, Any]] = deque()
        self._numbers = 0
        self._open: _Open | None = None
        self._before = Received()
        self.lost = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def noting_s(self) -> float:
        """How long the present sample is so far."""
        return self._open.at - self._open.began if self._open else 0.0

    def look(
        self, lesson: str, seat: str, received: Received, *, now: float, clock_ms: float,
        offset_ms: float | None,
    ) -> None:  # fmt: skip
        """What there is at `now` (monotonic s); called some times a second while in a lesson."""
        current = self._open
        if current and ((lesson, seat) != (current.lesson, current.seat) or (
            now - current.at > ASLEEP_S
        )):  # fmt: skip
            self.close()
        if self._open:
            self._add(self._open, received, now)
            if self._open.offset_ms is None:  # compared in the middle of it
                self._open.offset_ms = offset_ms
        self._before = received
        if self._open and now - self._open.began >= SAMPLE_S:
            self.close()
        if self._open is None:
            self._open = _Open(lesson, seat, now, now, clock_ms, offset_ms)

    def close(self) -> None:
        """The lesson is left, or the sample is full."""
        sample, self._open = self._open, None
        if sample is None or sample.at - sample.began < LEAST_S:
            return
        first = round(sample.clock_ms)
        length = round((sample.at - sample.began) * 1000)
        self._numbers += 1
        if len(self._waiting) >= MOST:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(
            {
                "n": self._numbers, "lesson": sample.lesson, "seat": sample.seat, "from": first,
                "to": first + length,
                "offset": None if sample.offset_ms is None else round(sample.offset_ms),
                "moved": min(length, round(sample.moved_s * 1000)), "frames": sample.frames,
                "sound": sample.sound,
            }
        )  # fmt: skip

    def message(self, clock_ms: float) -> dict[str, Any] | None:
        """The oldest samples as they are posted, None without any."""
        if not self._waiting:
            return None
        some = [self._waiting[n] for n in range(min(BATCH, len(self._waiting)))]
        return {"spool": self._spool, "sent": round(clock_ms), "lost": self.lost, "samples": some}

    def answered(self, message: dict[str, Any]) -> None:
        """Forget what the server has answered."""
        last = message["samples"][-1]["n"]
        while self._waiting and self._waiting[0]["n"] <= last:
            self._waiting.popleft()
        self.lost -= message["lost"]

    def _add(self, sample: _Open, received: Received, now: float) -> None:
        sample.frames += _grown(received.frames, self._before.frames)
        sample.sound += _grown(received.sound, self._before.sound)
        if now - received.last_at < QUIET_S:
            sample.moved_s += now - sample.at
        sample.at = now


def _grown(now: int, before: int) -> int:
    """How much a total has grown; a new session counts from nothing again."""
    return now - before if now >= before else now
