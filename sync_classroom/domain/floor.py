"""Who has the floor in a live lesson: the ordered queue of raised hands, who is called on, mute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .ids import OccurrenceId, SeatId


@dataclass(frozen=True, slots=True)
class RaisedHand:
    """A seat waiting to be called on, since `at`."""

    seat: SeatId
    at: datetime


@dataclass(frozen=True, slots=True)
class Floor:
    """The floor of one lesson. `muted` silences the called-on seat in every room."""

    occurrence: OccurrenceId
    hands: tuple[RaisedHand, ...] = ()
    called_on: SeatId | None = None
    called_at: datetime | None = None
    muted: bool = False
    present: Mapping[SeatId, int] = field(default_factory=dict)
    version: int = 0
