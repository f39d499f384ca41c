"""States have a shape and a word each."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.coordinator.views import LessonView, SeatView
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.coverage import Cause, SeatState
from sync_classroom.domain.definitions import CAUSES
from sync_classroom.domain.lesson import EndReason, LessonState
from sync_classroom.web.pages.words import (
    CAUSE_WORDS,
    END_WORDS,
    LESSON_WORDS,
    ROLE_WORDS,
    SEAT_NOW,
    SEAT_WORDS,
    lesson_code,
    seat_now,
)
from tests.web.test_timeline_chart import timeline

TEMPLATES = Path(__file__).parent.parent.parent.parent / "sync_classroom" / "web" / "templates"


def view(state: LessonState, **seat: object) -> tuple[LessonView, SeatView]:
    made = timeline([[]], state=state).view
    return made, replace(made.seats[0], **seat)  # type: ignore[arg-type]


def test_every_state_has_a_word_and_a_shape_that_is_drawn() -> None:
    assert set(LESSON_WORDS) == set(LessonState)
    assert set(END_WORDS) == set(EndReason)
    assert set(ROLE_WORDS) == set(Role)
    assert set(SEAT_WORDS) == {s.value for s in SeatState}
    assert set(CAUSE_WORDS) == {c.value for c in Cause}
    drawn = set(re.findall(r'symbol id="s-(\w+)"', (TEMPLATES / "_shapes.html").read_text("utf-8")))
    for words in (LESSON_WORDS, SEAT_WORDS, SEAT_NOW):
        assert {w.shape for w in words.values()} <= drawn
    assert len({w.text for w in SEAT_WORDS.values()}) == len(SEAT_WORDS)


@pytest.mark.parametrize(
    ("state", "seat", "code"),
    [
        (LessonState.PLANNED, {"online": True}, "ready"),
        (LessonState.OPEN, {"online": False}, "absent"),
        (LessonState.LIVE, {"online": False}, "offline"),
        (LessonState.LIVE, {"online": True}, "silent"),
        (LessonState.LIVE, {"online": True, "receiving": True}, "receiving"),
        (LessonState.LIVE, {"online": True, "receiving": True, "line": "weak"}, "weak"),
        (LessonState.LIVE, {"online": True, "line": "reconnecting"}, "reconnecting"),
        (LessonState.LIVE, {"online": True, "receiving": True, "called_on": True}, "called_on"),
        # Media acknowledged is worth more than a control connection that is away for a moment.
        (LessonState.LIVE, {"online": False, "receiving": True}, "receiving"),
        (LessonState.LIVE, {"withdrawn": True, "online": True}, "withdrawn"),
        (LessonState.ENDED, {"online": True}, "over"),
        (LessonState.MISSED, {}, "over"),
    ],
)
def test_what_a_seat_is_doing(state: LessonState, seat: dict[str, object], code: str) -> None:
    lesson, there = view(state, **seat)
    assert seat_now(lesson, there, lesson.occurrence.starts_at) == code


def test_a_room_that_stopped_receiving_after_the_planned_end_has_left() -> None:
    lesson, there = view(LessonState.LIVE, online=True)
    assert seat_now(lesson, there, lesson.occurrence.ends_at) == "left"
    lesson, there = view(LessonState.LIVE, online=True, receiving=True)
    assert seat_now(lesson, there, lesson.occurrence.ends_at) == "receiving"


def test_a_withdrawn_lesson_is_cancelled_whatever_its_run_says() -> None:
    made = timeline([[]], state=LessonState.LIVE, cancelled=True).view
    assert lesson_code(made) is LessonState.CANCELLED


def test_a_cancelled_seat_has_the_cause_that_reports_print() -> None:
    # The bare word is the name of a button, which English pages call "Cancel".
    assert CAUSE_WORDS["cancelled"] == CAUSES[Cause.CANCELLED].zh
