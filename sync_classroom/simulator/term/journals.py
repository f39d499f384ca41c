"""What some rooms' own terminals noted of a simulated day: mostly what the relay says, not always.

One room of each school keeps a journal: enough to judge pages by, and a term stays quick to write.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ...domain.ids import ClassroomId, FactId
from ...domain.roster import Roster
from ...domain.terminal_journal import TerminalSample, spool_name
from ...domain.timetable import Occurrence, Seat
from .fates import HostFate, SeatFate
from .media import SAMPLE_S, flowing_s
from .programme import remote_schools, rng

#: Share of the lessons in which a terminal's picture stands still for some minutes, unseen by the
#: relay, whose packets it goes on to acknowledge.
STUCK: Final = 0.03
STUCK_S: Final = (180, 900)
#: A device's clock is wrong by up to so much.
SKEW_S: Final = 90.0
_FRAMES_S, _SOUND_S = 15, 6_000
# The terminal's page waits as long for a host who does not come as people do.
_PATIENCE_S: Final = 900


def noting_rooms(roster: Roster) -> frozenset[ClassroomId]:
    """The first classroom of every remote school."""
    first: dict[str, ClassroomId] = {}
    for room in sorted(roster.classrooms.values(), key=lambda r: r.id):
        first.setdefault(room.school, room.id)
    return frozenset(first[s.id] for s in remote_schools(roster) if s.id in first)


class TerminalJournals:
    """Numbers each room's samples for good, as its device would."""

    def __init__(self, seed: int, roster: Roster) -> None:
        self._seed = seed
        self._rooms = noting_rooms(roster)
        self._numbers = dict.fromkeys(self._rooms, 0)

    def of(
        self, lesson: Occurrence, seat: Seat, host: HostFate, fate: SeatFate
    ) -> Iterator[TerminalSample]:
        """What the seat's terminal noted, none if the room keeps no journal or was dead."""
        if seat.classroom not in self._rooms or fate.offline:
            return
        draw = rng(self._seed, "noted", lesson.id, seat.id)
        skew = timedelta(seconds=rng(self._seed, "clock", seat.classroom).uniform(-SKEW_S, SKEW_S))
        stuck_s = draw.randint(*STUCK_S) if draw.random() < STUCK else 0
        stuck_at = draw.randint(300, 1200)
        leaves = min(fate.leaves_s, _PATIENCE_S) if host.absent else fate.leaves_s
        name = spool_name(seat.classroom, f"{self._seed & (2**128 - 1):032x}")
        for first in range(fate.joins_s, leaves, SAMPLE_S):
            last = min(first + SAMPLE_S, leaves)
            moved = 0 if host.absent else flowing_s(first, last, host)
            for begins, ends in fate.silences:
                moved -= min(moved, max(0, min(last, ends) - max(first, begins)))
            if stuck_at <= first < stuck_at + stuck_s:
                moved = 0
            elif fate.lost and draw.random() < fate.lost:
                moved = int(moved * draw.uniform(0.1, 0.7))
            self._numbers[seat.classroom] += 1
            yield self._sample(lesson, seat, name, skew, (first, last), moved)

    def _sample(
        self,
        lesson: Occurrence,
        seat: Seat,
        name: str,
        skew: timedelta,
        span: tuple[int, int],
        moved_s: int,
    ) -> TerminalSample:
        number = self._numbers[seat.classroom]
        begins, ends = (_at(lesson, s) for s in span)
        return TerminalSample(
            FactId(f"ts:{name}:{number}"), FactId(f"tj:{name}:{number}"), lesson.id, seat.id,
            begins, ends, begins - skew, ends - skew, True, 1000 * moved_s, _FRAMES_S * moved_s,
            _SOUND_S * moved_s,
        )  # fmt: skip


def _at(lesson: Occurrence, second: int) -> datetime:
    return lesson.starts_at + timedelta(seconds=second)
