"""Watching a lesson in step: where it is follows from where it was, exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sync_classroom.domain import study as studies
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.study import (
    MAX_COMMENT,
    Comment,
    Study,
    Watched,
    by_mark,
    clock,
    comment_text,
)
from tests.support.plans import at

NOW = at("16:00")
CAMERA = Watched(OccurrenceId("english"), "01-camera-1.mp4", 2_000, 602_000)
SCREEN = Watched(OccurrenceId("english"), "02-screen-1.mp4", 30_000, 500_000)
OTHER = Watched(OccurrenceId("maths"), "01-camera-1.mp4", 0, 60_000)
NOTHING = Study(OccurrenceId("s-1"))


def after(**time: float):  # type: ignore[no-untyped-def]
    return NOW + timedelta(**time)


STANDING = studies.watch(NOTHING, CAMERA, NOW)


def test_it_plays_on_from_where_it_was_at_its_rate_and_stops_at_the_end() -> None:
    playing = studies.play(STANDING, after(seconds=5))
    assert STANDING.position(after(hours=1)) == 2_000
    assert playing.position(after(seconds=5, milliseconds=250)) == 2_250
    faster = studies.pace(playing, 150, after(seconds=15))
    assert faster.position(after(seconds=15)) == 12_000
    assert faster.position(after(seconds=25)) == 27_000
    assert faster.position(after(hours=1)) == 602_000
    # A clock that went back does not take the lesson back.
    assert playing.position(NOW) == 2_000


def test_a_pause_keeps_its_place_and_the_end_begins_anew() -> None:
    playing = studies.play(STANDING, NOW)
    paused = studies.pause(playing, after(seconds=7))
    assert (paused.playing, paused.position(after(minutes=9))) == (False, 9_000)
    assert studies.pause(paused, after(minutes=1)) is paused
    assert studies.play(playing, after(seconds=1)) is playing
    again = studies.play(playing, after(hours=1))
    assert again.position(after(hours=1)) == 2_000


def test_a_jump_goes_on_if_it_was_going_and_stays_inside() -> None:
    playing = studies.play(STANDING, NOW)
    there = studies.jump(playing, 300_000, after(seconds=3))
    assert there.position(after(seconds=4)) == 301_000
    assert studies.jump(STANDING, 300_000, NOW).position(after(hours=1)) == 300_000
    for wrong in (1_999, 602_001):
        with pytest.raises(ProblemError, match=r"00:02|10:02") as error:
            studies.jump(playing, wrong, NOW)
        assert error.value.code == "mark_outside"


def test_another_file_of_the_lesson_stands_at_the_same_moment() -> None:
    playing = studies.play(STANDING, NOW)
    screen = studies.watch(playing, SCREEN, after(seconds=100))
    assert (screen.playing, screen.position_ms) == (False, 102_000)
    assert studies.watch(playing, SCREEN, after(seconds=3)).position_ms == 30_000
    assert studies.watch(playing, OTHER, after(seconds=3)).position_ms == 0
    assert studies.watch(screen, SCREEN, after(hours=1)) is screen


def test_nothing_is_played_where_nothing_is_watched() -> None:
    closed = studies.close(replace(STANDING, version=3))
    assert (closed.watched, closed.version, closed.position(NOW)) == (None, 3, 0)
    assert studies.close(closed) is closed
    for act in (studies.play, studies.pause):
        with pytest.raises(ProblemError) as error:
            act(closed, NOW)
        assert error.value.code == "nothing_watched"
    with pytest.raises(ProblemError) as error:
        studies.pace(STANDING, 300, NOW)
    assert (error.value.code, error.value.value) == ("rate_unknown", 300)


def test_comments_are_one_line_and_bounded() -> None:
    assert comment_text("  导入\n很自然 ") == "导入 很自然"
    for wrong in ("", " \n ", "x" * (MAX_COMMENT + 1), "a\x00b"):
        with pytest.raises(ProblemError):
            comment_text(wrong)


def test_comments_stand_in_the_lessons_order() -> None:
    def comment(number: int, lesson: str, mark: int) -> Comment:
        return Comment(
            OccurrenceId("s-1"), number, OccurrenceId(lesson), mark, "t", NOW, "t:li", "李"
        )

    said = [comment(1, "b", 9), comment(2, "a", 5), comment(3, "b", 4), comment(4, "b", 9)]
    assert [c.number for c in by_mark(said)] == [3, 1, 4, 2]


def test_marks_read_as_players_write_them() -> None:
    assert [clock(ms) for ms in (0, 65_999, 3_723_000, -5_000)] == [
        "00:00", "01:05", "1:02:03", "-00:05",
    ]  # fmt: skip
