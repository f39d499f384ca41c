"""What each seat is credited, and what that makes of it: held, partial, missed, unknown, ….

The definitions are those of the design's section on coverage; `W`, `H`, `C`, `ρ`, `φ` are its
letters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .evidence import Evidence, SeatFacts, SeatKey
from .facts import Fact
from .ids import ClassroomId, OccurrenceId
from .intervals import (
    EMPTY,
    Span,
    Spans,
    difference,
    intersection,
    length,
    second_of,
    union,
)
from .rules import DEFAULT, Rules, exact
from .timetable import ChangeKind, Mode, Occurrence, Plan, Seat


class SeatState(StrEnum):
    """What became of a seat; in the order in which they are tried."""

    CANCELLED_EXCUSED = "cancelled_excused"
    MOVED = "moved"
    CANCELLED_UNEXCUSED = "cancelled_unexcused"
    HELD = "held"
    UNKNOWN = "unknown"
    PARTIAL = "partial"
    MISSED = "missed"


# What a seat that has not received enough counts as so far.
MAY_CHANGE: Final = frozenset({SeatState.UNKNOWN, SeatState.PARTIAL, SeatState.MISSED})
# Excused in time, or moved in time: nobody owes such a seat.
NOT_DUE: Final = frozenset({SeatState.CANCELLED_EXCUSED, SeatState.MOVED})


class Cause(StrEnum):
    """Why a seat was not held (未开原因)."""

    HOST_ABSENT = "host_absent"
    TERMINAL_OFFLINE = "terminal_offline"
    NETWORK = "network"
    CANCELLED = "cancelled"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class SeatEvidence:
    """One seat with its credit. Intervals are seconds since the epoch, half-open.

    `host` is H(o), inside the window. `delivered` is every delivered sample joined up, also outside
    the window. `credited` is C(q), of which `adjusted_s` seconds rest on adjustments alone.
    `present` is the latest head count; `cause` is set for missed, partial and unexcused seats.
    """

    occurrence: Occurrence
    seat: Seat
    window: Span
    host: Spans
    delivered: Spans
    credited: Spans
    adjusted_s: int
    state: SeatState
    cause: Cause | None
    present: int | None
    interacted: bool

    @property
    def window_s(self) -> int:
        """|W|."""
        return self.window[1] - self.window[0]

    @property
    def host_s(self) -> int:
        """|H|."""
        return length(self.host)

    @property
    def credited_s(self) -> int:
        """|C|."""
        return length(self.credited)

    @property
    def rho(self) -> float:
        """ρ, credited of planned time."""
        return self.credited_s / self.window_s

    @property
    def due(self) -> bool:
        """Whether the seat ought to have been held: not excused in time, not moved in time."""
        return self.state not in NOT_DUE

    @property
    def held(self) -> bool:
        """Whether it counts as held."""
        return self.state is SeatState.HELD

    def pending(self, unfinished: Collection[OccurrenceId]) -> bool:
        """Whether it may still be held, as its lesson is one of those that are not over."""
        return self.occurrence.id in unfinished and self.state in MAY_CHANGE


def seats_of(
    plan: Plan, facts: Iterable[Fact], *, rules: Rules = DEFAULT
) -> dict[SeatKey, SeatEvidence]:
    """Every live seat of the plan with its credit, in the order of the plan.

    The plan must contain every live occurrence that may share a minute with those asked about.
    """
    return credited_seats(plan, Evidence.of(facts, rules), rules=rules)


def window_of(occurrence: Occurrence) -> Span:
    """W, at least one second long: a lesson of no length would be all of itself."""
    first = second_of(occurrence.starts_at)
    return first, max(second_of(occurrence.ends_at), first + 1)


def credited_seats(
    plan: Plan, evidence: Evidence, *, rules: Rules = DEFAULT
) -> dict[SeatKey, SeatEvidence]:
    """As `seats_of`, from facts that are folded already."""
    live = [o for o in plan.occurrences.values() if o.mode is Mode.LIVE]
    hosts = {o.id: host_of(o, evidence) for o in live}
    credits_ = _credits(live, hosts, evidence)
    gaps = evidence.gaps.spans()
    judged: dict[SeatKey, SeatEvidence] = {}
    for occurrence in live:
        for seat in occurrence.seats:
            key = (occurrence.id, seat.id)
            judged[key] = _judge(
                occurrence,
                seat,
                hosts[occurrence.id],
                credits_[key],
                evidence.seats.get(key) or SeatFacts(),
                gaps,
                rules,
            )
    return judged


def host_of(occurrence: Occurrence, evidence: Evidence) -> Spans:
    """H(o): host media inside the planned window."""
    builder = evidence.host.get(occurrence.id)
    return EMPTY if builder is None else intersection(builder.spans(), (window_of(occurrence),))


def _credits(
    live: Iterable[Occurrence], hosts: Mapping[OccurrenceId, Spans], evidence: Evidence
) -> dict[SeatKey, Spans]:
    """C(q) of every seat: a minute of a classroom credits one seat, the earlier lesson first."""
    by_room: dict[ClassroomId, list[tuple[int, str, SeatKey]]] = defaultdict(list)
    for occurrence in live:
        starts_at = second_of(occurrence.starts_at)
        for seat in occurrence.seats:
            by_room[seat.classroom].append((starts_at, occurrence.id, (occurrence.id, seat.id)))
    credits_: dict[SeatKey, Spans] = {}
    for queue in by_room.values():
        taken: Spans = EMPTY
        # Stable: two seats of one lesson in one room keep the order of the plan.
        for starts_at, _, key in sorted(queue, key=lambda q: q[:2]):
            # What was credited before this window began cannot be wanted again: H lies in W.
            taken = tuple(s for s in taken if s[1] > starts_at)
            facts = evidence.seats.get(key)
            mine: Spans = EMPTY
            if facts is not None:
                received = union(facts.delivered.spans(), facts.vouched.spans())
                mine = difference(intersection(received, hosts[key[0]]), taken)
                taken = union(taken, mine)
            credits_[key] = mine
    return credits_


def _judge(
    occurrence: Occurrence,
    seat: Seat,
    host: Spans,
    credited: Spans,
    facts: SeatFacts,
    gaps: Spans,
    rules: Rules,
) -> SeatEvidence:
    window = window_of(occurrence)
    delivered = facts.delivered.spans()
    state = withdrawn_state(occurrence, seat)
    if state is None:
        state = _received_state(window, credited, gaps, rules)
    return SeatEvidence(
        occurrence=occurrence,
        seat=seat,
        window=window,
        host=host,
        delivered=delivered,
        credited=credited,
        adjusted_s=length(difference(credited, delivered)),
        state=state,
        cause=_cause(state, window, host, credited, facts, rules),
        present=facts.present,
        interacted=facts.interacted,
    )


def withdrawn_state(occurrence: Occurrence, seat: Seat | None = None) -> SeatState | None:
    """What cancellations and moves make of a seat (of the whole occurrence if None), or None."""
    if not occurrence.changes:
        return None
    starts_at = second_of(occurrence.starts_at)
    withdrawn: set[SeatState] = set()
    for change in occurrence.changes:
        if change.kind is ChangeKind.SEAT_CANCELLED and (seat is None or change.seat != seat.id):
            continue
        in_time = second_of(change.at) < starts_at
        if change.kind is ChangeKind.MOVED:
            withdrawn.add(SeatState.MOVED if in_time else SeatState.CANCELLED_UNEXCUSED)
        elif change.excused and in_time:
            withdrawn.add(SeatState.CANCELLED_EXCUSED)
        else:
            withdrawn.add(SeatState.CANCELLED_UNEXCUSED)
    return next((s for s in SeatState if s in withdrawn), None)


def _received_state(window: Span, credited: Spans, gaps: Spans, rules: Rules) -> SeatState:
    window_s = window[1] - window[0]
    held, partial = exact(rules.held), exact(rules.partial)
    credited_s = length(credited)
    if credited_s >= held * window_s:
        return SeatState.HELD
    lost = intersection(gaps, (window,))
    if lost and length(union(credited, lost)) >= held * window_s:
        return SeatState.UNKNOWN
    return SeatState.PARTIAL if credited_s >= partial * window_s else SeatState.MISSED


def _cause(
    state: SeatState,
    window: Span,
    host: Spans,
    credited: Spans,
    facts: SeatFacts,
    rules: Rules,
) -> Cause | None:
    """Why a seat was not held: whatever explains most of the host's time that was not credited."""
    if state is SeatState.CANCELLED_UNEXCUSED:
        return Cause.CANCELLED
    if state not in (SeatState.PARTIAL, SeatState.MISSED):
        return None
    if length(host) < exact(rules.host_absent) * (window[1] - window[0]):
        return Cause.HOST_ABSENT
    lost = difference(host, credited)
    delivered, unheard = facts.delivered.spans(), facts.unheard.spans()
    online = union(union(delivered, unheard), facts.idle.spans())
    offline_s = length(difference(lost, online))
    network_s = length(intersection(lost, difference(unheard, delivered)))
    if not offline_s and not network_s:
        return Cause.UNEXPLAINED
    return Cause.TERMINAL_OFFLINE if offline_s >= network_s else Cause.NETWORK
