"""Quick questions (提问) in a live lesson: single choice, answered by counts per classroom.

Every function returns the questions as they should be, the same object when nothing changes.
Questions are numbered from 1 in the order they were asked; at most the last one is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from .ids import SeatId

MIN_OPTIONS: Final = 2
MAX_OPTIONS: Final = 6
MAX_TEXT_CHARS: Final = 200
MAX_OPTION_CHARS: Final = 60
#: Questions kept with a lesson; more than one a minute is no teaching.
MAX_QUESTIONS: Final = 40


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `text` and the texts of `options` may be empty: it was put by word of mouth.

    `answers` are, for each seat, how many pupils chose each option. `shown`: the result is on the
    screens of all rooms.
    """

    number: int
    text: str
    options: tuple[str, ...]
    asked_at: datetime
    closed_at: datetime | None = None
    shown: bool = False
    answers: Mapping[SeatId, tuple[int, ...]] = field(default_factory=dict)

    @property
    def totals(self) -> tuple[int, ...]:
        """Pupils of all rooms by option."""
        return tuple(map(sum, zip(*self.answers.values(), strict=True))) or (0,) * len(self.options)


Questions = tuple[Question, ...]


def open_question(questions: Questions, number: int) -> Question | None:
    """The question of this number if it is open."""
    last = questions[-1] if questions else None
    return last if last is not None and last.number == number and last.closed_at is None else None


def ask(questions: Questions, text: str, options: Sequence[str], at: datetime) -> Questions:
    """Put a question; one that is still open is closed and put away, for rooms show one.

    ValueError for too few or too many options, or once a lesson has had `MAX_QUESTIONS`.
    """
    if not MIN_OPTIONS <= len(options) <= MAX_OPTIONS:
        raise ValueError(f"a question has {MIN_OPTIONS} to {MAX_OPTIONS} options")
    if len(questions) >= MAX_QUESTIONS:
        raise ValueError(f"a lesson has at most {MAX_QUESTIONS} questions")
    before = close(questions, len(questions), at, shown=False) if questions else questions
    return (*before, Question(len(questions) + 1, text, tuple(options), at))


def answer(questions: Questions, number: int, seat: SeatId, counts: Sequence[int]) -> Questions:
    """Note a seat's counts, its former ones forgotten; nothing if the question is not open.

    ValueError if there is not one count for each option.
    """
    asked = open_question(questions, number)
    if asked is None or asked.answers.get(seat) == tuple(counts):
        return questions
    if len(counts) != len(asked.options):
        raise ValueError(f"question {number} has {len(asked.options)} options, not {len(counts)}")
    return (*questions[:-1], replace(asked, answers={**asked.answers, seat: tuple(counts)}))


def close(questions: Questions, number: int, at: datetime, *, shown: bool) -> Questions:
    """End the last question and show its result to all rooms, or put that away."""
    if not questions or questions[-1].number != number:
        return questions
    last = questions[-1]
    closed = replace(last, closed_at=last.closed_at or at, shown=shown)
    return questions if closed == last else (*questions[:-1], closed)
