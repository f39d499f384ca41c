"""The life of one occurrence as a table: planned → open → live → ended, or missed, or cancelled.

`step` is the whole machine. It is pure and never reads a clock: feed it `now` and at most one
event, take the new run, the effects and the next deadline. Whatever is due by `now` happens first,
in order of its due time, then the event, then whatever the event made due. So a lost alarm costs
delay, not correctness: one call at any later time (after a restart of an hour, a clock step, for a
lesson planned in the middle of its own window) ends where the timely calls would have ended, with
the same `live_at`, `ended_at` and `end_reason`; only `opened_at` says when the room really opened.

Decisions that the table alone does not show:

- A lesson nobody has given is *missed* when even a live one would have been over (`latest_end`),
  not at its planned end: a coordinator that comes back during the grace must find a lesson that has
  been running without it, not close its room.
- A lesson withdrawn before the host was live is *cancelled*; withdrawn while live it is *ended*
  with reason `cancelled`, because it did take place; withdrawn afterwards, nothing changes.
- A lesson that was cancelled and is restored is planned again, as if nothing had been; one that was
  live is over all the same.
- Journalled host media is stronger than what was seen at the time: it makes a missed lesson live
  and then, by the same deadlines, ended; and it moves `live_at` back to the first packet.
- After a restart, say what the relay sees (`HostMedia`) before what the journal proves
  (`HostEvidence`, all of it as one span): evidence alone ends where its last sample ends.
- The instant of an ending is the deadline that ended it, not the moment someone looked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from .ids import OccurrenceId
from .timetable import ChangeKind, Occurrence


class LessonState(StrEnum):
    """Where an occurrence is in its life."""

    PLANNED = "planned"
    OPEN = "open"
    LIVE = "live"
    ENDED = "ended"
    MISSED = "missed"
    CANCELLED = "cancelled"


#: States of a lesson that is over, for people and for what its evidence is judged as.
OVER: Final = frozenset({LessonState.ENDED, LessonState.MISSED, LessonState.CANCELLED})


class EndReason(StrEnum):
    """Why a lesson that was live is over."""

    BUTTON = "button"
    GRACE_OVER = "grace_over"
    HOST_GONE = "host_gone"
    NEXT_BOOKING = "next_booking"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """What moves a run: due times, and what people and media do."""

    OPENING = "opening"
    OVER = "over"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"
    HOST_FLOWS = "host_flows"
    HOST_SILENT = "host_silent"
    HOST_PROVEN = "host_proven"
    END_PRESSED = "end_pressed"
    EXTEND_PRESSED = "extend_pressed"


class Effect(StrEnum):
    """What the world must do about a step; each may be repeated without harm."""

    OPEN_ROOM = "open_room"
    CLOSE_ROOM = "close_room"
    TELL = "tell"


@dataclass(frozen=True, slots=True)
class LessonRules:
    """Durations in seconds.

    `max_extended_s` bounds what all presses together add: with the grace it is 30 minutes, which is
    how long after the planned end a terminal's media tokens stay valid.
    """

    lead_s: int = 600
    grace_s: int = 300
    extension_s: int = 300
    host_gone_s: int = 180
    max_extended_s: int = 1500


DEFAULT_RULES: Final = LessonRules()


@dataclass(frozen=True, slots=True)
class LessonRun:
    """What has happened to one occurrence so far; all instants aware.

    `host_lost_at` is set while a live lesson's host media is absent. `extended_s` is what the host
    added to the planned end by pressing "extend". `version` counts stored changes, so that two
    coordinators cannot both write the same transition.
    """

    occurrence: OccurrenceId
    state: LessonState = LessonState.PLANNED
    opened_at: datetime | None = None
    live_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    extended_s: int = 0
    host_lost_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class HostMedia:
    """Whether the host's media arrives at the relay at this moment; say it as often as you like."""

    flowing: bool


@dataclass(frozen=True, slots=True)
class HostEvidence:
    """Host media journalled so far: the first and the last instant of all of it together."""

    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class EndPressed:
    """The host pressed 下课."""


@dataclass(frozen=True, slots=True)
class ExtendPressed:
    """The host pressed 延长 5 分钟, once; the caller drops repeats of one press."""


Event = HostMedia | HostEvidence | EndPressed | ExtendPressed


@dataclass(frozen=True, slots=True)
class Step:
    """What a step led to. `wake_at` is the next deadline, None when there is none left."""

    run: LessonRun
    effects: tuple[Effect, ...]
    wake_at: datetime | None


class LessonTableError(ValueError):
    """A state and a trigger that the table does not know: a defect of the caller."""


_S, _T = LessonState, Trigger
_STAYS: Final = (
    _T.HOST_FLOWS,
    _T.HOST_SILENT,
    _T.HOST_PROVEN,
    _T.END_PRESSED,
    _T.EXTEND_PRESSED,
)

TRANSITIONS: Final[Mapping[LessonState, Mapping[Trigger, LessonState]]] = MappingProxyType(
    {
        # Media may arrive before the room opens (tokens are valid a little earlier): not yet live.
        _S.PLANNED: {
            **dict.fromkeys(_STAYS, _S.PLANNED),
            _T.OPENING: _S.OPEN,
            _T.OVER: _S.MISSED,
            _T.WITHDRAWN: _S.CANCELLED,
        },
        _S.OPEN: {
            **dict.fromkeys(_STAYS, _S.OPEN),
            _T.HOST_FLOWS: _S.LIVE,
            _T.HOST_PROVEN: _S.LIVE,
            _T.OVER: _S.MISSED,
            _T.WITHDRAWN: _S.CANCELLED,
        },
        _S.LIVE: {
            **dict.fromkeys(_STAYS, _S.LIVE),
            _T.END_PRESSED: _S.ENDED,
            _T.OVER: _S.ENDED,
            _T.WITHDRAWN: _S.ENDED,
        },
        # Over is over for people and for media seen late; only the journal may correct the past.
        _S.ENDED: dict.fromkeys(_STAYS, _S.ENDED),
        _S.MISSED: {**dict.fromkeys(_STAYS, _S.MISSED), _T.HOST_PROVEN: _S.LIVE},
        _S.CANCELLED: {
            **dict.fromkeys(_STAYS, _S.CANCELLED),
            _T.HOST_PROVEN: _S.LIVE,
            _T.RESTORED: _S.PLANNED,
        },
    }
)


def transition(state: LessonState, trigger: Trigger) -> LessonState:
    """The state after `trigger`; LessonTableError for a pair that cannot happen."""
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise LessonTableError(f"a lesson that is {state} knows no {trigger}") from None


def step(
    run: LessonRun,
    occurrence: Occurrence,
    *,
    now: datetime,
    rules: LessonRules = DEFAULT_RULES,
    event: Event | None = None,
    room_free_until: datetime | None = None,
) -> Step:
    """Bring `run` up to `now`, then apply `event`.

    `room_free_until` is when the host's classroom is next booked at or after the planned end (see
    `wanted_rooms`), None if it is not. Effects are named once, and only if something
    changed; `version` is left to whoever stores the run.
    """
    machine = _Machine(occurrence, rules, room_free_until, now)
    after = machine.advance(run)
    if event is not None:
        after = machine.advance(machine.apply(after, event))
    return Step(after, _effects(run, after), machine.wake_at(after))


def wants_room(run: LessonRun) -> bool:
    """Whether the lesson's relay room should exist; a sweep after a restart goes by this."""
    return run.state in (LessonState.OPEN, LessonState.LIVE)


def is_over(
    run: LessonRun, occurrence: Occurrence, *, now: datetime, rules: LessonRules = DEFAULT_RULES
) -> bool:
    """Whether the lesson is over at `now`, so that its seats can be judged.

    One that was ended early is over at once, one that runs on is not; one that nobody has stepped
    since, because no coordinator was there, is over when a coordinator would have ended it.
    """
    return step(run, occurrence, now=now, rules=rules).run.state in OVER


def effective_end(
    run: LessonRun,
    occurrence: Occurrence,
    rules: LessonRules = DEFAULT_RULES,
    room_free_until: datetime | None = None,
) -> datetime:
    """The planned end with what the host added, never into the next booking of its room."""
    extended = min(run.extended_s, rules.max_extended_s)
    return _within(occurrence, extended, room_free_until)


def latest_end(
    run: LessonRun,
    occurrence: Occurrence,
    rules: LessonRules = DEFAULT_RULES,
    room_free_until: datetime | None = None,
) -> datetime:
    """When a live lesson ends by itself: the effective end with grace, bounded likewise."""
    extended = min(run.extended_s, rules.max_extended_s)
    return _within(occurrence, extended + rules.grace_s, room_free_until)


def can_extend(
    run: LessonRun,
    occurrence: Occurrence,
    rules: LessonRules = DEFAULT_RULES,
    room_free_until: datetime | None = None,
) -> bool:
    """Whether a press of "extend" would add any time now."""
    return run.state is LessonState.LIVE and (_added_s(run, occurrence, rules, room_free_until) > 0)


def seat_leaves_at(
    run: LessonRun,
    occurrence: Occurrence,
    rules: LessonRules = DEFAULT_RULES,
    *,
    seat_free_until: datetime | None,
    room_free_until: datetime | None = None,
) -> datetime | None:
    """When a seat must leave a lesson that runs on, alone, for its classroom's next lesson.

    `seat_free_until` is the next booking of the seat's classroom at or after the planned end. None
    means that the seat stays to the end.
    """
    if seat_free_until is None:
        return None
    leaves = max(seat_free_until, occurrence.ends_at)
    return leaves if leaves < latest_end(run, occurrence, rules, room_free_until) else None


def _within(occurrence: Occurrence, extra_s: int, room_free_until: datetime | None) -> datetime:
    wished = occurrence.ends_at + timedelta(seconds=extra_s)
    if room_free_until is None:
        return wished
    # A booking inside the planned window would be a clash, which cannot have been stored.
    return max(occurrence.ends_at, min(wished, room_free_until))


def _added_s(
    run: LessonRun, occurrence: Occurrence, rules: LessonRules, room_free_until: datetime | None
) -> int:
    """Seconds one more press adds: a whole extension, or what is left before the room is wanted."""
    added = min(rules.extension_s, rules.max_extended_s - run.extended_s)
    if room_free_until is not None:
        until_booking = room_free_until - occurrence.ends_at
        added = min(added, int(until_booking.total_seconds()) - run.extended_s)
    return max(0, added)


def _withdrawn_at(occurrence: Occurrence) -> datetime | None:
    return min(
        (c.at for c in occurrence.changes if c.kind in (ChangeKind.CANCELLED, ChangeKind.MOVED)),
        default=None,
    )


@dataclass(frozen=True, slots=True)
class _Due:
    """A trigger of the clock's, and when it is due; `reason` if it would end a live lesson."""

    at: datetime
    trigger: Trigger
    reason: EndReason | None = None


@dataclass(frozen=True, slots=True)
class _Machine:
    """The fixed arguments of one step."""

    occurrence: Occurrence
    rules: LessonRules
    room_free_until: datetime | None
    now: datetime

    def advance(self, run: LessonRun) -> LessonRun:
        """Everything that is due by now, in order. Each pass moves forward in the table."""
        while (due := self._next(run)) is not None and due.at <= self.now:
            state = transition(run.state, due.trigger)
            if state is LessonState.OPEN:
                run = replace(run, state=state, opened_at=self.now)
            elif state is LessonState.PLANNED:
                run = replace(run, state=state, opened_at=None)
            elif state is LessonState.ENDED:
                assert run.live_at is not None
                ended_at = max(due.at, run.live_at)
                run = replace(run, state=state, ended_at=ended_at, end_reason=due.reason)
            else:
                run = replace(run, state=state)
        return run

    def wake_at(self, run: LessonRun) -> datetime | None:
        due = self._next(run)
        return None if due is None else due.at

    def apply(self, run: LessonRun, event: Event) -> LessonRun:
        if isinstance(event, HostEvidence):
            return self._proven(run, event)
        if isinstance(event, HostMedia):
            return self._seen(run, event.flowing)
        if isinstance(event, EndPressed):
            return self._pressed_end(run)
        transition(run.state, Trigger.EXTEND_PRESSED)
        if run.state is not LessonState.LIVE:
            return run
        added = _added_s(run, self.occurrence, self.rules, self.room_free_until)
        return replace(run, extended_s=run.extended_s + added)

    def _next(self, run: LessonRun) -> _Due | None:
        if run.state is LessonState.CANCELLED and _withdrawn_at(self.occurrence) is None:
            return _Due(self.now, Trigger.RESTORED)
        if run.state in OVER:
            return None
        ending = min(self._endings(run), key=lambda d: d.at)
        if run.state is LessonState.PLANNED and self.now < ending.at:
            opens_at = self.occurrence.starts_at - timedelta(seconds=self.rules.lead_s)
            return min(_Due(opens_at, Trigger.OPENING), ending, key=lambda d: d.at)
        return ending

    def _endings(self, run: LessonRun) -> list[_Due]:
        planned = self.occurrence.ends_at
        latest = latest_end(run, self.occurrence, self.rules, self.room_free_until)
        booked = latest < latest_end(run, self.occurrence, self.rules)
        reason = EndReason.NEXT_BOOKING if booked else EndReason.GRACE_OVER
        endings = [_Due(latest, Trigger.OVER, reason)]
        withdrawn_at = _withdrawn_at(self.occurrence)
        if withdrawn_at is not None:
            # A change "from the future" means that our clock was set back: it holds already.
            at = min(withdrawn_at, self.now)
            endings.append(_Due(at, Trigger.WITHDRAWN, EndReason.CANCELLED))
        if run.state is LessonState.LIVE and run.host_lost_at is not None:
            gone_at = run.host_lost_at + timedelta(seconds=self.rules.host_gone_s)
            endings.append(_Due(max(gone_at, planned), Trigger.OVER, EndReason.HOST_GONE))
        return endings

    def _seen(self, run: LessonRun, flowing: bool) -> LessonRun:
        trigger = Trigger.HOST_FLOWS if flowing else Trigger.HOST_SILENT
        state = transition(run.state, trigger)
        if state is not LessonState.LIVE:
            return run
        lost_at = None if flowing else (run.host_lost_at or self.now)
        return replace(run, state=state, live_at=run.live_at or self.now, host_lost_at=lost_at)

    def _pressed_end(self, run: LessonRun) -> LessonRun:
        state = transition(run.state, Trigger.END_PRESSED)
        if state is run.state:
            return run
        assert run.live_at is not None
        ended_at = max(self.now, run.live_at)
        return replace(run, state=state, ended_at=ended_at, end_reason=EndReason.BUTTON)

    def _proven(self, run: LessonRun, evidence: HostEvidence) -> LessonRun:
        """What the journal proves. Media outside the time the lesson can be live proves nothing."""
        opens_at = self.occurrence.starts_at - timedelta(seconds=self.rules.lead_s)
        closes_at = latest_end(run, self.occurrence, self.rules, self.room_free_until)
        withdrawn_at = _withdrawn_at(self.occurrence)
        if run.live_at is None and withdrawn_at is not None:
            closes_at = min(closes_at, withdrawn_at)
        first_at = max(evidence.first_at, opens_at)
        if first_at >= min(evidence.last_at, closes_at):
            return run
        state = transition(run.state, Trigger.HOST_PROVEN)
        if state is LessonState.PLANNED:
            return run
        was_live = run.live_at is not None
        run = replace(run, state=state, live_at=min(first_at, run.live_at or first_at))
        if not was_live or run.host_lost_at is not None:
            # Not known to flow after its last sample; the next look at the relay says.
            lost_at = max(evidence.last_at, run.host_lost_at or evidence.last_at)
            run = replace(run, host_lost_at=lost_at)
        if run.end_reason is EndReason.HOST_GONE:
            run = self._gone_later(run)
        return run

    def _gone_later(self, run: LessonRun) -> LessonRun:
        """A lesson ended for the host's silence, which began later than was known."""
        live = replace(run, state=LessonState.LIVE)
        due = min(self._endings(live), key=lambda d: d.at)
        # It cannot have ended in the future: the room was closed when the silence was believed.
        if due.at > self.now:
            return run
        return replace(run, ended_at=due.at, end_reason=due.reason)


def _effects(before: LessonRun, after: LessonRun) -> tuple[Effect, ...]:
    if before == after:
        return ()
    effects = []
    if wants_room(after) and not wants_room(before):
        effects.append(Effect.OPEN_ROOM)
    # A planned lesson may have a room too: the host's token makes one while nobody is watching.
    may_have_room = wants_room(before) or before.state is LessonState.PLANNED
    if may_have_room and not wants_room(after) and after.state is not LessonState.PLANNED:
        effects.append(Effect.CLOSE_ROOM)
    return (*effects, Effect.TELL)
