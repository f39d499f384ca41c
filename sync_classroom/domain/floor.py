"""Who has the floor in a live lesson: the ordered queue of raised hands, who is called on, mute,
who has had a turn, the quick questions, and the page of a document that all rooms see.

Every function returns the floor as it should be, the same object when nothing changes, so a
repeated message costs nothing. `version` is left to whoever stores the floor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from .documents import ShownPage
from .ids import OccurrenceId, SeatId
from .question import Questions


@dataclass(frozen=True, slots=True)
class RaisedHand:
    """A seat waiting to be called on, since `at`."""

    seat: SeatId
    at: datetime


@dataclass(frozen=True, slots=True)
class Floor:
    """The floor of one lesson.

    `muted` silences the called-on seat in every room. `quiet` (全体静音): no hands for now. `turns`
    counts how often each seat was called on.
    """

    occurrence: OccurrenceId
    hands: tuple[RaisedHand, ...] = ()
    called_on: SeatId | None = None
    called_at: datetime | None = None
    muted: bool = False
    quiet: bool = False
    turns: Mapping[SeatId, int] = field(default_factory=dict)
    present: Mapping[SeatId, int] = field(default_factory=dict)
    questions: Questions = ()
    page: ShownPage | None = None
    version: int = 0


def raise_hand(floor: Floor, seat: SeatId, at: datetime) -> Floor:
    """Put the seat at the end of the queue; a hand that is up keeps its place and time.

    The seat that is called on has the floor already and does not queue; nobody does while it is
    quiet.
    """
    if floor.quiet or seat == floor.called_on or any(h.seat == seat for h in floor.hands):
        return floor
    return replace(floor, hands=(*floor.hands, RaisedHand(seat, at)))


def lower_hand(floor: Floor, seat: SeatId) -> Floor:
    """Take the seat out of the queue; the others keep their order."""
    hands = tuple(h for h in floor.hands if h.seat != seat)
    return floor if len(hands) == len(floor.hands) else replace(floor, hands=hands)


def call_on(floor: Floor, seat: SeatId | None, at: datetime) -> Floor:
    """Give the floor to a seat, whether it raised its hand or not, or to nobody (None).

    Whoever had it is released and not put back into the queue. A seat newly called on is heard:
    the mute was for the one before. Quiet stays: the host asks one room, not all.
    """
    if seat == floor.called_on:
        return floor
    floor = replace(floor, called_on=seat, called_at=None if seat is None else at, muted=False)
    if seat is None:
        return floor
    turns = {**floor.turns, seat: floor.turns.get(seat, 0) + 1}
    return lower_hand(replace(floor, turns=turns), seat)


def set_muted(floor: Floor, muted: bool) -> Floor:
    """Silence the called-on seat or let it be heard again; without one there is nothing to mute."""
    muted = muted and floor.called_on is not None
    return floor if muted == floor.muted else replace(floor, muted=muted)


def set_quiet(floor: Floor, quiet: bool) -> Floor:
    """Silence all rooms: nobody has the floor, every hand comes down and none goes up until this
    is taken back."""
    if quiet == floor.quiet:
        return floor
    if not quiet:
        return replace(floor, quiet=False)
    return replace(floor, quiet=True, hands=(), called_on=None, called_at=None, muted=False)


def set_present(floor: Floor, seat: SeatId, present: int) -> Floor:
    """Note the pupils in a seat's room (实到); ValueError if negative."""
    if present < 0:
        raise ValueError(f"present must be 0 or more, not {present}")
    if floor.present.get(seat) == present:
        return floor
    return replace(floor, present={**floor.present, seat: present})


def set_questions(floor: Floor, questions: Questions) -> Floor:
    """The floor with what `domain.question` made of its questions."""
    return floor if questions is floor.questions else replace(floor, questions=questions)


def show_page(floor: Floor, page: ShownPage | None) -> Floor:
    """Show all rooms a page of a document, or none."""
    return floor if page == floor.page else replace(floor, page=page)


def without_seat(floor: Floor, seat: SeatId) -> Floor:
    """The floor after a seat left or was withdrawn: no hand, not called on.

    Its head count and answers stay: the pupils were there.
    """
    floor = lower_hand(floor, seat)
    if floor.called_on != seat:
        return floor
    return replace(floor, called_on=None, called_at=None, muted=False)
