"""A virtual room's own journal: samples of ten seconds, numbered for good, kept until answered."""

from __future__ import annotations

import pytest

from sync_classroom.domain.terminal_journal import parse_noted, parse_sent
from sync_classroom.simulator import journal as module
from sync_classroom.simulator.journal import Received, RoomJournal

CLOCK_MS = 1_795_395_600_000


class Room:
    """Looks twice a second; media comes unless it is `silent`."""

    def __init__(self) -> None:
        self.journal = RoomJournal()
        self.now = 100.0
        self.received = Received()

    def run(self, seconds: float, *, silent: bool = False, lesson: str = "o-1") -> None:
        until = self.now + seconds
        while self.now < until:
            if not silent:
                last = self.received
                self.received = Received(last.frames + 5, last.sound + 3000, self.now)
            self.journal.look(
                lesson, f"{lesson}-s0", self.received, now=self.now,
                clock_ms=CLOCK_MS + self.now * 1000, offset_ms=12.4,
            )  # fmt: skip
            self.now += 0.5


def test_samples_follow_one_another_and_are_what_the_server_reads() -> None:
    room = Room()
    room.run(20.5)
    room.run(10, silent=True)
    room.run(5, lesson="o-2")
    message = room.journal.message(CLOCK_MS)
    assert message is not None
    sent = parse_sent(message)
    noted = [parse_noted(n, row) for n, row in enumerate(sent.rows)]
    assert [(s.n, s.lesson, s.to_ms - s.from_ms) for s in noted] == [
        (1, "o-1", 10_000),
        (2, "o-1", 10_000),
        (3, "o-1", 10_000),
    ]
    assert (noted[0].moved_ms, noted[0].frames, noted[0].sound_bytes) == (10_000, 100, 60_000)
    assert noted[1].from_ms == noted[0].to_ms
    assert noted[2].moved_ms < 3_000
    assert noted[0].offset_ms == 12


def test_what_was_answered_is_forgotten_and_nothing_else() -> None:
    room = Room()
    room.run(20.5)
    message = room.journal.message(CLOCK_MS)
    assert message is not None
    room.run(10)
    room.journal.answered(message)
    rest = room.journal.message(CLOCK_MS)
    assert rest is not None
    assert [row["n"] for row in rest["samples"]] == [3]
    assert rest["spool"] == message["spool"]
    room.journal.answered(rest)
    assert room.journal.message(CLOCK_MS) is None


def test_a_room_that_slept_says_nothing_of_that_time() -> None:
    room = Room()
    room.run(4)
    room.now += 60
    room.run(10.5)
    message = room.journal.message(CLOCK_MS)
    assert message is not None
    first, second = message["samples"]
    assert (first["to"] - first["from"], second["to"] - second["from"]) == (3_500, 10_000)
    assert second["from"] - first["to"] > 60_000


def test_a_full_journal_throws_the_oldest_away_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    room = Room()
    room.run(50.5)
    message = room.journal.message(CLOCK_MS)
    assert message is not None
    assert (message["lost"], [row["n"] for row in message["samples"]]) == (2, [3, 4, 5])
    room.journal.answered(message)
    assert room.journal.lost == 0
