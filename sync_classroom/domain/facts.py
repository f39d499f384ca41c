"""Evidence, one appended line at a time. A fact is never changed; a correction is another fact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .ids import FactId, OccurrenceId, PushId, SeatId, TargetId, TeacherId


@dataclass(frozen=True, slots=True)
class HostMedia:
    """Host media arrived at the relay in `[from_at, to_at)`."""

    id: FactId
    occurrence: OccurrenceId
    from_at: datetime
    to_at: datetime
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SeatMedia:
    """Packets sent to a seat and, of those, packets its receiver reports acknowledge."""

    id: FactId
    occurrence: OccurrenceId
    seat: SeatId
    from_at: datetime
    to_at: datetime
    sent: int
    acked: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ParticipantMedia:
    """A research participant's media arrived at the relay."""

    id: FactId
    occurrence: OccurrenceId
    teacher: TeacherId
    from_at: datetime
    to_at: datetime
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Headcount:
    """Pupils present in a seat's room (实到), as entered by `by`; the latest counts."""

    id: FactId
    occurrence: OccurrenceId
    seat: SeatId
    at: datetime
    present: int
    by: str


class InteractionKind(StrEnum):
    """What a seat did or was asked to do."""

    HAND_RAISED = "hand_raised"
    CALLED_ON = "called_on"
    ANSWERED = "answered"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Interaction:
    """One act of interaction with a seat."""

    id: FactId
    occurrence: OccurrenceId
    seat: SeatId
    at: datetime
    what: InteractionKind


@dataclass(frozen=True, slots=True)
class JournalGap:
    """Evidence of one relay is known to be lost in `[from_at, to_at)`."""

    id: FactId
    relay: str
    from_at: datetime
    to_at: datetime


class PushStep(StrEnum):
    """How far a pushed resource got at one target."""

    DELIVERED = "push_delivered"
    OPENED = "push_opened"
    COMPLETED = "push_completed"


@dataclass(frozen=True, slots=True)
class PushProgress:
    """A target received, opened or completed a pushed resource."""

    id: FactId
    step: PushStep
    push: PushId
    target: TargetId
    at: datetime


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A person vouches for `[credit_from, credit_to)`; counted, and counted separately."""

    id: FactId
    occurrence: OccurrenceId
    seat: SeatId
    credit_from: datetime
    credit_to: datetime
    at: datetime
    by: str
    reason: str


Fact = (
    HostMedia
    | SeatMedia
    | ParticipantMedia
    | Headcount
    | Interaction
    | JournalGap
    | PushProgress
    | Adjustment
)
