"""The stage of a meeting: places, the shared screen, and who speaks by how loud they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_classroom.domain.ids import OccurrenceId, TeacherId
from sync_classroom.domain.meeting import (
    MARGIN,
    MAX_NAME,
    PLACES,
    SPEAKING,
    Stage,
    guest_name,
    guest_of,
    guest_peer,
    heard,
    leave_place,
    peer_of,
    share_screen,
    take_place,
    teacher_of,
    unshare_screen,
    without,
)
from sync_classroom.domain.problems import ProblemError
from tests.support.plans import at

EMPTY = Stage(OccurrenceId("s-1"))
NOW = at("16:00")


def stage(*peers: str) -> Stage:
    made = EMPTY
    for peer in peers:
        made = take_place(made, peer, NOW)
    return made


def test_places_are_given_in_order_and_once() -> None:
    two = stage("t:a", "t:b")
    assert two.senders == ("t:a", "t:b")
    assert (two.number("t:b"), two.number("t:x")) == (1, None)
    assert take_place(two, "t:a", NOW) is two


def test_who_leaves_frees_the_place_for_the_next_and_moves_nobody() -> None:
    left = leave_place(stage("t:a", "t:b", "t:c"), "t:b")
    assert (left.number("t:a"), left.number("t:c")) == (0, 2)
    assert take_place(left, "t:d", NOW).number("t:d") == 1
    assert leave_place(left, "t:b") is left


def test_a_full_stage_says_how_many_there_are() -> None:
    full = stage(*(f"t:{n}" for n in range(PLACES)))
    with pytest.raises(ProblemError, match=str(PLACES)) as error:
        take_place(full, "t:more", NOW)
    assert error.value.code == "stage_full"


def test_one_screen_at_a_time_and_the_leader_decides() -> None:
    two = stage("t:a", "t:b")
    with pytest.raises(ProblemError) as error:
        share_screen(two, "t:x", leads=True)
    assert error.value.code == "no_place"
    shared = share_screen(two, "t:a", leads=False)
    assert share_screen(shared, "t:a", leads=False) is shared
    with pytest.raises(ProblemError) as error:
        share_screen(shared, "t:b", leads=False)
    assert error.value.code == "screen_taken"
    assert share_screen(shared, "t:b", leads=True).screen == "t:b"
    assert unshare_screen(shared, "t:b") is shared
    assert unshare_screen(shared, "t:a").screen is None


def test_screen_and_word_go_with_the_place() -> None:
    shown = replace(stage("t:a", "t:b"), screen="t:a", speaker="t:a")
    left = without(shown, {"t:a", "t:nobody"})
    assert (left.senders, left.screen, left.speaker) == (("t:b",), None, None)


def test_a_voice_after_silence_speaks_at_once_and_stays_through_a_pause() -> None:
    two = stage("t:a", "t:b")
    first, ahead = heard(two, {"t:a": 30, "t:b": 90}, None)
    assert (first.speaker, ahead) == ("t:a", None)
    assert heard(first, {"t:a": 80, "t:b": None}, None) == (first, None)
    assert heard(first, {}, "t:b") == (first, None)


def test_another_voice_takes_over_in_two_looks_and_only_if_clearly_louder() -> None:
    now = replace(stage("t:a", "t:b"), speaker="t:a")
    louder = {"t:a": 40, "t:b": 40 - MARGIN}
    once, ahead = heard(now, louder, None)
    assert (once, ahead) == (now, "t:b")
    assert heard(once, louder, ahead)[0].speaker == "t:b"
    assert heard(now, {"t:a": 40, "t:b": 41 - MARGIN}, "t:b") == (now, None)


def test_noise_and_whoever_has_no_place_are_not_voices() -> None:
    now = stage("t:a")
    assert heard(now, {"t:a": SPEAKING + 1, "t:x": 10}, None) == (now, None)


def test_peers_are_teachers_or_guests() -> None:
    assert teacher_of(peer_of(TeacherId("host-1-t1"))) == "host-1-t1"
    assert guest_of(guest_peer("ab")) == "ab"
    assert (teacher_of("guest:ab"), guest_of("t:x"), teacher_of("host")) == (None, None, None)


def test_a_guests_name_is_one_line_and_not_empty() -> None:
    assert guest_name("  顾  老师 ", "name") == "顾 老师"
    for wrong in ("", "  ", "x" * (MAX_NAME + 1), "a\x00b"):
        with pytest.raises(ProblemError) as error:
            guest_name(wrong, "name")
        assert error.value.field == "name"
