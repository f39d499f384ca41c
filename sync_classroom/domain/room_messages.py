"""Text messages from a classroom to the teacher, few and short: the lesson goes on meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from .ids import ActId, OccurrenceId, SeatId

MAX_MESSAGE_CHARS: Final = 100
#: A room's next message waits so long after its last one.
SPACING: Final = timedelta(seconds=5)
#: Messages of one room in one lesson.
MAX_OF_SEAT: Final = 30


@dataclass(frozen=True, slots=True)
class RoomMessage:
    """What a seat's room wrote; `id` is the act that brought it."""

    id: ActId
    occurrence: OccurrenceId
    seat: SeatId
    at: datetime
    text: str


class Turn(StrEnum):
    """Whether a room may write: now, a little later, or no more in this lesson."""

    NOW = "now"
    LATER = "later"
    OVER = "over"


def turn_of(said: Iterable[RoomMessage], seat: SeatId, at: datetime) -> Turn:
    """Whether a seat may write at `at`, after what was `said` in the lesson."""
    mine = [message.at for message in said if message.seat == seat]
    if len(mine) >= MAX_OF_SEAT:
        return Turn.OVER
    return Turn.LATER if mine and at - max(mine) < SPACING else Turn.NOW
