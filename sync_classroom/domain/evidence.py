"""Facts folded as they come: per lesson, seat, teacher and target what they prove, nothing more.

A year of 48 rooms is some four million facts; what is kept is a few intervals for each seat, so
memory follows lessons and drop-outs, not samples. The result does not depend on the order of the
facts, and a repeated id is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from .facts import (
    Adjustment,
    Fact,
    Headcount,
    HostMedia,
    Interaction,
    InteractionKind,
    JournalGap,
    ParticipantMedia,
    PushProgress,
    PushStep,
    SeatMedia,
    TerminalJournal,
)
from .ids import FactId, OccurrenceId, PushId, SeatId, TargetId, TeacherId
from .intervals import SpanBuilder, second_of
from .rules import DEFAULT, Rules, exact

SeatKey = tuple[OccurrenceId, SeatId]

_CHUNK_BITS: Final = 10
_CHUNK_BYTES: Final = (1 << _CHUNK_BITS) // 8
# A sequence of more digits is an id like any other; it is not worth a place in a bit map.
_SEQUENCE_DIGITS: Final = 15


class SeenIds:
    """Which fact ids were seen. Ids that end in a running number take a bit each, not a string."""

    def __init__(self) -> None:
        self._numbered: dict[tuple[str, int], bytearray] = {}
        self._others: set[str] = set()

    def add(self, ident: FactId) -> bool:
        """Whether the id is new; it is not from now on."""
        prefix, _, tail = ident.rpartition(":")
        # "07" and "7" are different ids, and so are digits of other scripts.
        plain = tail.isascii() and tail.isdigit() and len(tail) <= _SEQUENCE_DIGITS
        if not plain or (tail[0] == "0" and tail != "0"):
            if ident in self._others:
                return False
            self._others.add(ident)
            return True
        number = int(tail)
        key = (prefix, number >> _CHUNK_BITS)
        chunk = self._numbered.get(key)
        if chunk is None:
            chunk = self._numbered[key] = bytearray(_CHUNK_BYTES)
        byte, bit = (number >> 3) % _CHUNK_BYTES, 1 << (number & 7)
        if chunk[byte] & bit:
            return False
        chunk[byte] |= bit
        return True


@dataclass(slots=True)
class SeatFacts:
    """What the facts say about one seat; intervals in seconds, not yet cut to any window.

    Every sample is in one of three: `delivered` (its receiver acknowledged enough), `unheard` (sent
    and not acknowledged) or `idle` (nothing was sent). `vouched` are adjustments.
    """

    delivered: SpanBuilder = field(default_factory=SpanBuilder)
    unheard: SpanBuilder = field(default_factory=SpanBuilder)
    idle: SpanBuilder = field(default_factory=SpanBuilder)
    vouched: SpanBuilder = field(default_factory=SpanBuilder)
    present: int | None = None
    interacted: bool = False
    _counted: tuple[datetime, FactId] | None = None

    def count(self, fact: Headcount) -> None:
        """The latest head count counts; of two at one instant, the one with the greater id."""
        order = (fact.at, fact.id)
        if self._counted is None or order > self._counted:
            self._counted, self.present = order, fact.present


class Evidence:
    """Everything the facts prove. Feed it with `add`, then read its fields."""

    def __init__(self, rules: Rules = DEFAULT) -> None:
        self.host: dict[OccurrenceId, SpanBuilder] = {}
        self.seats: dict[SeatKey, SeatFacts] = {}
        self._teachers: dict[OccurrenceId, dict[TeacherId, SpanBuilder]] = {}
        self.gaps = SpanBuilder()
        self.pushes: dict[PushStep, set[tuple[PushId, TargetId]]] = {s: set() for s in PushStep}
        # acked / sent ≥ 0.8 as acked * 5 ≥ sent * 4, in whole numbers
        self._enough, self._of = exact(rules.delivered_ratio).as_integer_ratio()
        self._seen = SeenIds()
        self._adders: Mapping[type, Callable[[Any], None]] = {
            HostMedia: self._host_media,
            SeatMedia: self._seat_media,
            ParticipantMedia: self._participant_media,
            Headcount: lambda f: self._seat(f).count(f),
            Interaction: self._interaction,
            JournalGap: lambda f: _put(self.gaps, f.from_at, f.to_at),
            PushProgress: lambda f: self.pushes[f.step].add((f.push, f.target)),
            Adjustment: lambda f: _put(self._seat(f).vouched, f.credit_from, f.credit_to),
            # A terminal's own journal is a second opinion: it proves nothing that is counted.
            TerminalJournal: lambda _: None,
        }

    @classmethod
    def of(cls, facts: Iterable[Fact], rules: Rules = DEFAULT) -> Evidence:
        """The evidence of an iterable of facts, which is read once and not kept."""
        evidence = cls(rules)
        for fact in facts:
            evidence.add(fact)
        return evidence

    @classmethod
    def joined(cls, parts: Iterable[Evidence], rules: Rules) -> Evidence:
        """The evidence of lessons that were folded each for itself, with the same `rules`.

        What a part knows of its lesson is shared, not copied; gaps and pushes are left out.
        """
        evidence = cls(rules)
        for part in parts:
            evidence.host |= part.host
            evidence.seats |= part.seats
            evidence._teachers |= part._teachers
        return evidence

    def add(self, fact: Fact) -> None:
        """Fold one fact in, unless its id was seen before."""
        if self._seen.add(fact.id):
            self.take(fact)

    def take(self, fact: Fact) -> None:
        """Fold one fact in whose id is new for sure: none is remembered."""
        self._adders[type(fact)](fact)

    def teachers_of(self, meeting: OccurrenceId) -> Iterable[tuple[TeacherId, SpanBuilder]]:
        """Whose media arrived in a research meeting, and when."""
        return self._teachers.get(meeting, {}).items()

    def _seat(self, fact: SeatMedia | Headcount | Interaction | Adjustment) -> SeatFacts:
        key = (fact.occurrence, fact.seat)
        seat = self.seats.get(key)
        if seat is None:
            seat = self.seats[key] = SeatFacts()
        return seat

    def _host_media(self, fact: HostMedia) -> None:
        if fact.packets > 0:
            builder = self.host.get(fact.occurrence)
            if builder is None:
                builder = self.host[fact.occurrence] = SpanBuilder()
            _put(builder, fact.from_at, fact.to_at)

    def _seat_media(self, fact: SeatMedia) -> None:
        seat = self._seat(fact)
        if fact.sent == 0:
            builder = seat.idle
        elif fact.acked * self._of >= fact.sent * self._enough:
            builder = seat.delivered
        else:
            builder = seat.unheard
        builder.add(second_of(fact.from_at), second_of(fact.to_at))

    def _participant_media(self, fact: ParticipantMedia) -> None:
        if fact.packets > 0:
            meeting = self._teachers.setdefault(fact.occurrence, {})
            builder = meeting.get(fact.teacher)
            if builder is None:
                builder = meeting[fact.teacher] = SpanBuilder()
            _put(builder, fact.from_at, fact.to_at)

    def _interaction(self, fact: Interaction) -> None:
        if fact.what in (InteractionKind.CALLED_ON, InteractionKind.ANSWERED):
            self._seat(fact).interacted = True


def _put(builder: SpanBuilder, from_at: datetime, to_at: datetime) -> None:
    builder.add(second_of(from_at), second_of(to_at))
