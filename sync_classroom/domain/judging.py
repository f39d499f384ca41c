"""Some lessons judged from everything that is known of them, as it is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .crediting import credited_seats
from .evidence import Evidence
from .ids import ClassroomId, OccurrenceId, SchoolId
from .modes import Meeting, meetings_of
from .rollup import Groups, SeatResult, result_of
from .rules import Rules
from .second_opinion import SeatOpinion, notes_of, opinions_of
from .terminal_journal import TerminalSample
from .timetable import Plan


@dataclass(frozen=True, slots=True)
class Judged:
    """What `lessons` came to: their seats by version of the rules, and which are meetings.

    A lesson without any result has none (any more): it is not in the plan, or has no seat. A seat
    without an opinion keeps the one it had: its terminal's samples may have been deleted.
    """

    lessons: frozenset[OccurrenceId]
    results: Mapping[int, tuple[SeatResult, ...]]
    meetings: tuple[Meeting, ...]
    opinions: tuple[SeatOpinion, ...] = ()


@dataclass(frozen=True, slots=True)
class LessonAside:
    """A lesson that could not be counted, when that was last tried, and what went wrong."""

    occurrence: OccurrenceId
    at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Rolled:
    """The sums of a period as they are kept, with the version of the rules they were made under."""

    rules: int
    groups: Groups
    meetings: tuple[Meeting, ...]


def judge(
    lessons: Collection[OccurrenceId],
    plan: Plan,
    evidence: Mapping[int, Evidence],
    school_of: Callable[[ClassroomId], SchoolId],
    rules: Mapping[int, Rules],
    samples: Iterable[TerminalSample] = (),
) -> Judged:
    """Judge every lesson of `plan`, and say so of `lessons` that are not in it.

    `plan` has to have every lesson that shares a room with another of it; `evidence` is all there
    is about them, with the gaps that touch their windows. `rules` are versions by number, at least
    one, and so is the evidence under them; `samples` is what terminals noted.
    """
    results: dict[int, tuple[SeatResult, ...]] = {}
    for number, each in rules.items():
        judged = credited_seats(plan, evidence[number], rules=each)
        results[number] = tuple(
            result_of(seat, school_of(seat.seat.classroom)) for seat in judged.values()
        )
    # Who was present in a meeting, and when, does not depend on any rule.
    meetings = tuple(meetings_of(plan, next(iter(evidence.values()))))
    # Whichever version comes into force next says what counts as delivered.
    opinions = opinions_of(plan.occurrences.values(), evidence[max(rules)], notes_of(samples))
    return Judged(frozenset(lessons) | plan.occurrences.keys(), results, meetings, opinions)
