"""Quick questions: one open at a time, a seat's latest counts, closed once."""

from __future__ import annotations

import pytest

from sync_classroom.domain.ids import SeatId
from sync_classroom.domain.question import (
    MAX_QUESTIONS,
    Question,
    Questions,
    answer,
    ask,
    close,
    open_question,
)
from tests.support.plans import at

A, B = SeatId("a"), SeatId("b")
ASKED = ask((), "3 × 4 = ?", ["7", "12", ""], at("09:10"))


def test_a_question_is_numbered_and_open() -> None:
    assert (Question(1, "3 × 4 = ?", ("7", "12", ""), at("09:10")),) == ASKED
    assert open_question(ASKED, 1) is ASKED[0]
    assert open_question(ASKED, 2) is None
    assert open_question((), 1) is None
    assert ASKED[0].totals == (0, 0, 0)


def test_the_latest_counts_of_each_seat_hold() -> None:
    first = answer(answer(ASKED, 1, A, [1, 2, 3]), 1, B, (0, 40, 0))
    again = answer(first, 1, A, (0, 6, 0))
    assert again[0].answers == {A: (0, 6, 0), B: (0, 40, 0)}
    assert again[0].totals == (0, 46, 0)
    assert answer(again, 1, A, [0, 6, 0]) is again
    with pytest.raises(ValueError, match="question 1 has 3 options, not 2"):
        answer(again, 1, A, (1, 2))


def test_a_closed_question_takes_no_answers_and_keeps_its_instant() -> None:
    closed = close(ASKED, 1, at("09:12"), shown=True)
    assert (closed[0].closed_at, closed[0].shown) == (at("09:12"), True)
    assert answer(closed, 1, A, (1, 0, 0)) is closed
    assert close(closed, 1, at("09:13"), shown=True) is closed
    away = close(closed, 1, at("09:14"), shown=False)
    assert (away[0].closed_at, away[0].shown) == (at("09:12"), False)


def test_asking_anew_puts_the_former_question_away() -> None:
    asked: Questions = ask(answer(ASKED, 1, A, (1, 0, 0)), "", ["", ""], at("09:20"))
    assert [(q.number, q.closed_at, q.shown) for q in asked] == [
        (1, at("09:20"), False),
        (2, None, False),
    ]
    assert answer(asked, 1, B, (1, 0, 0)) is asked
    assert close(asked, 1, at("09:21"), shown=True) is asked  # a late press on the one before
    assert close((), 1, at("09:21"), shown=True) == ()


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_question_has_two_to_six_options(count: int) -> None:
    with pytest.raises(ValueError, match="a question has 2 to 6 options"):
        ask((), "", [""] * count, at("09:10"))


def test_a_lesson_has_so_many_questions_and_no_more() -> None:
    asked: Questions = ()
    for _ in range(MAX_QUESTIONS):
        asked = ask(asked, "", ["", ""], at("09:10"))
    assert asked[-1].number == MAX_QUESTIONS
    with pytest.raises(ValueError, match=f"at most {MAX_QUESTIONS} questions"):
        ask(asked, "", ["", ""], at("09:10"))
