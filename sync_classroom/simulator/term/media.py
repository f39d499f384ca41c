"""The evidence of a lesson as relay and terminals would have written it, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final

from ...domain.facts import (
    Fact,
    Headcount,
    HostMedia,
    Interaction,
    InteractionKind,
    JournalGap,
    ParticipantMedia,
    SeatMedia,
)
from ...domain.ids import FactId, TeacherId
from ...domain.timetable import Occurrence, Seat
from .fates import Crash, HostFate, SeatFate, Silences
from .programme import rng

#: A sample covers at most so long, as the relay's do.
SAMPLE_S: Final = 10
#: Packets and bytes a second: 720p with sound to a room, and what a speaker of a meeting sends.
_PACKETS_S, _BYTES_S = 62, 68_000
_TALK_PACKETS_S, _TALK_BYTES_S = 34, 21_000
# A room that waits for a host who does not come is given up after so long.
_PATIENCE_S: Final = 900
_COUNTED: Final = 0.9
_COUNTED_TWICE: Final = 0.1
_ABSENT: Final = 0.03

Span = tuple[datetime, datetime]


class Journal:
    """Numbers records as the relay does: relay, boot, running number."""

    def __init__(self, relay: str, boot: str) -> None:
        self.relay = relay
        self.boots = 0
        self._boot = boot
        self._next = 0

    def ident(self) -> FactId:
        """The id of the next record."""
        self._next += 1
        return FactId(f"{self.relay}:{self._boot}{self.boots}:{self._next}")

    def reboot(self) -> None:
        """The relay has crashed and is started again."""
        self.boots += 1
        self._next = 0


def lost_span(crash: Crash, first: Occurrence) -> Span:
    """What evidence the crash loses; `first` is the date's first lesson."""
    begins = first.starts_at + timedelta(seconds=crash.after_s)
    return begins, begins + timedelta(seconds=crash.lost_s)


def gap_fact(journal: Journal, lost: Span) -> JournalGap:
    """What the relay that was started again says of it."""
    return JournalGap(journal.ident(), journal.relay, *lost)


def host_samples(
    lesson: Occurrence, fate: HostFate, journal: Journal, lost: Span | None
) -> Iterator[HostMedia]:
    """What arrived from the host; None of what was lost."""
    if fate.absent:
        return
    for n, (first, last, s) in _samples(lesson, fate.starts_s, fate.ends_s, fate.silences, lost):
        packets = _PACKETS_S * s - n % 7
        yield HostMedia(
            journal.ident(), lesson.id, first, last, packets, _BYTES_S * s - 37 * n % 900
        )


def seat_samples(
    lesson: Occurrence,
    seat: Seat,
    host: HostFate,
    fate: SeatFate,
    journal: Journal,
    lost: Span | None,
    draw: Random,
) -> Iterator[SeatMedia]:
    """What was sent to a room and acknowledged by it. While the host is silent nothing is sent."""
    if fate.offline:
        return
    leaves = min(fate.leaves_s, _PATIENCE_S) if host.absent else fate.leaves_s
    uniform = draw.random
    for _, (first, last, s) in _samples(lesson, fate.joins_s, leaves, fate.silences, lost):
        at = round((first - lesson.starts_at).total_seconds())
        flowing = 0 if host.absent else flowing_s(at, at + s, host)
        sent = _PACKETS_S * flowing
        acked = sent - int(uniform() * uniform() * 0.05 * sent)
        if fate.lost and uniform() < fate.lost:
            acked = int(sent * (0.15 + 0.6 * uniform()))
        yield SeatMedia(
            journal.ident(), lesson.id, seat.id, first, last, sent, acked, _BYTES_S * flowing
        )


def participant_samples(
    meeting: Occurrence, teacher: TeacherId, joins_s: int, leaves_s: int, journal: Journal
) -> Iterator[ParticipantMedia]:
    """What arrived from one teacher of a research meeting."""
    for n, (first, last, s) in _samples(meeting, joins_s, leaves_s, (), None):
        yield ParticipantMedia(
            journal.ident(), meeting.id, teacher, first, last,
            _TALK_PACKETS_S * s - n % 5, _TALK_BYTES_S * s,
        )  # fmt: skip


def acts_of(lesson: Occurrence, seat: Seat, seed: int, by: str) -> list[Fact]:
    """What people did in a room that was connected: heads counted, hands raised, answers given."""
    draw = rng(seed, "acts", lesson.id, seat.id)
    facts: list[Fact] = []

    def ident() -> FactId:
        return FactId(f"{seat.id}:{len(facts) + 1}")

    def moment(first_s: int, last_s: int) -> datetime:
        return lesson.starts_at + timedelta(seconds=draw.randint(first_s, last_s))

    if seat.expected is not None and draw.random() < _COUNTED:
        absent = sum(draw.random() < _ABSENT for _ in range(seat.expected))
        present = seat.expected - absent
        if draw.random() < _COUNTED_TWICE:
            facts.append(
                Headcount(
                    ident(), lesson.id, seat.id, moment(30, 200), present - draw.randint(1, 3), by
                )
            )
        facts.append(Headcount(ident(), lesson.id, seat.id, moment(210, 500), present, by))
    for what, share in (
        (InteractionKind.HAND_RAISED, 0.45),
        (InteractionKind.CALLED_ON, 0.3),
        (InteractionKind.ANSWERED, 0.25),
        (InteractionKind.MESSAGE, 0.08),
    ):
        if draw.random() < share:
            facts.append(Interaction(ident(), lesson.id, seat.id, moment(300, 2000), what))
    return facts


def flowing_s(first: int, last: int, host: HostFate) -> int:
    """Seconds of `[first, last)` in which the host's media flows."""
    flowing = max(0, min(last, host.ends_s) - max(first, host.starts_s))
    for begins, ends in host.silences:
        flowing -= max(0, min(last, ends) - max(first, begins))
    return max(0, flowing)


def _samples(
    lesson: Occurrence, first_s: int, last_s: int, silences: Silences, lost: Span | None
) -> Iterator[tuple[int, tuple[datetime, datetime, int]]]:
    """Samples of `[first_s, last_s)` without the silences: number, instants, whole seconds.

    A session that breaks off writes its last sample at once and begins anew; of samples that touch
    what was lost there is none.
    """
    n = 0
    for begins, ends in _without(first_s, last_s, silences):
        at = lesson.starts_at + timedelta(seconds=begins)
        while begins < ends:
            length = min(SAMPLE_S, ends - begins)
            until = at + timedelta(seconds=length)
            if lost is None or until <= lost[0] or lost[1] <= at:
                yield n, (at, until, length)
            at, begins, n = until, begins + length, n + 1


def _without(first: int, last: int, silences: Silences) -> Iterator[tuple[int, int]]:
    for begins, ends in silences:
        if first < begins < last:
            yield first, begins
        first = max(first, ends)
    if first < last:
        yield first, last
