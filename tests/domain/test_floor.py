from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.documents import ShownPage
from sync_classroom.domain.floor import (
    Floor,
    RaisedHand,
    call_on,
    lower_hand,
    raise_hand,
    set_muted,
    set_present,
    set_quiet,
    show_page,
    without_seat,
)
from sync_classroom.domain.ids import DocumentId, OccurrenceId, SeatId
from tests.support.plans import at

A, B, C = SeatId("a"), SeatId("b"), SeatId("c")
EMPTY = Floor(OccurrenceId("o"))
QUEUE = raise_hand(raise_hand(raise_hand(EMPTY, B, at("09:01")), A, at("09:02")), C, at("09:03"))


def order(floor: Floor) -> list[str]:
    return [h.seat for h in floor.hands]


def test_hands_queue_in_the_order_they_were_raised() -> None:
    assert QUEUE.hands == (
        RaisedHand(B, at("09:01")),
        RaisedHand(A, at("09:02")),
        RaisedHand(C, at("09:03")),
    )


def test_a_hand_raised_again_keeps_its_place() -> None:
    assert raise_hand(QUEUE, A, at("09:09")) is QUEUE


def test_lowering_a_hand_keeps_the_others_in_order() -> None:
    lowered = lower_hand(QUEUE, A)
    assert order(lowered) == ["b", "c"]
    assert lower_hand(lowered, A) is lowered
    assert order(raise_hand(lowered, A, at("09:05"))) == ["b", "c", "a"]


def test_the_called_seat_leaves_the_queue() -> None:
    called = call_on(QUEUE, A, at("09:04"))
    assert (called.called_on, called.called_at, order(called)) == (A, at("09:04"), ["b", "c"])
    assert call_on(called, A, at("09:05")) is called
    assert raise_hand(called, A, at("09:05")) is called


def test_a_page_is_shown_until_another_is_or_none() -> None:
    first, second = (ShownPage(DocumentId("d-1"), n) for n in (1, 2))
    shown = show_page(QUEUE, first)
    assert (shown.page, order(shown)) == (first, ["b", "a", "c"])
    assert show_page(shown, first) is shown
    assert show_page(shown, second).page == second
    assert show_page(shown, None) == QUEUE


def test_a_seat_may_be_called_on_without_a_hand() -> None:
    called = call_on(EMPTY, A, at("09:04"))
    assert (called.called_on, called.hands) == (A, ())


def test_release_and_next() -> None:
    called = call_on(QUEUE, A, at("09:04"))
    released = call_on(called, None, at("09:05"))
    assert (released.called_on, released.called_at, order(released)) == (None, None, ["b", "c"])
    assert call_on(released, None, at("09:06")) is released
    following = call_on(called, B, at("09:05"))
    assert (following.called_on, following.called_at, order(following)) == (
        B,
        at("09:05"),
        ["c"],
    )
    assert order(raise_hand(following, A, at("09:06"))) == ["c", "a"]


def test_mute_is_for_the_seat_that_is_called_on() -> None:
    assert set_muted(QUEUE, True) is QUEUE
    called = call_on(QUEUE, A, at("09:04"))
    muted = set_muted(called, True)
    assert muted == replace(called, muted=True)
    assert set_muted(muted, True) is muted
    assert set_muted(muted, False) == called
    assert call_on(muted, B, at("09:05")).muted is False
    assert call_on(muted, None, at("09:05")).muted is False


def test_turns_count_every_time_a_seat_is_called_on() -> None:
    floor = call_on(call_on(call_on(EMPTY, A, at("09:04")), B, at("09:05")), A, at("09:06"))
    assert floor.turns == {A: 2, B: 1}
    assert call_on(call_on(floor, A, at("09:07")), None, at("09:08")).turns == {A: 2, B: 1}
    assert without_seat(floor, A).turns == {A: 2, B: 1}


def test_quiet_takes_floor_and_hands_and_lets_no_hand_up() -> None:
    called = set_muted(call_on(QUEUE, A, at("09:04")), True)
    quiet = set_quiet(called, True)
    assert quiet == replace(EMPTY, quiet=True, turns={A: 1})
    assert set_quiet(quiet, True) is quiet
    assert raise_hand(quiet, B, at("09:05")) is quiet
    again = set_quiet(quiet, False)
    assert again == replace(EMPTY, turns={A: 1})
    assert set_quiet(again, False) is again
    assert order(raise_hand(again, B, at("09:05"))) == ["b"]


def test_while_it_is_quiet_the_host_may_still_call_on_one() -> None:
    called = call_on(set_quiet(QUEUE, True), B, at("09:05"))
    assert (called.called_on, called.quiet, called.muted) == (B, True, False)
    assert raise_hand(called, C, at("09:06")) is called


def test_present_is_the_latest_count_of_each_seat() -> None:
    counted = set_present(set_present(set_present(EMPTY, A, 41), B, 0), A, 40)
    assert counted.present == {A: 40, B: 0}
    assert EMPTY.present == {}
    assert set_present(counted, A, 40) is counted
    with pytest.raises(ValueError, match="present must be 0 or more, not -1"):
        set_present(EMPTY, A, -1)


def test_a_seat_that_is_withdrawn_leaves_floor_and_queue() -> None:
    called = set_muted(set_present(call_on(QUEUE, A, at("09:04")), A, 40), True)
    assert without_seat(called, A) == replace(
        QUEUE, hands=(QUEUE.hands[0], QUEUE.hands[2]), present={A: 40}, turns={A: 1}
    )
    assert order(without_seat(called, B)) == ["c"]
    assert without_seat(called, B).called_on == A
    assert without_seat(EMPTY, A) is EMPTY


_ACT = st.tuples(
    st.sampled_from(
        ["raise", "lower", "call", "release", "mute", "unmute", "quiet", "loud", "leave"]
    ),
    st.sampled_from([A, B, C]),
)


@given(st.lists(_ACT, max_size=20))
def test_the_floor_is_consistent_after_any_acts(acts: list[tuple[str, SeatId]]) -> None:
    floor, waiting = EMPTY, list[SeatId]()
    for n, (what, seat) in enumerate(acts):
        moment = at(f"09:00:{n:02}")
        if what == "raise":
            floor = raise_hand(floor, seat, moment)
            if seat not in waiting and seat != floor.called_on and not floor.quiet:
                waiting.append(seat)
        elif what == "lower":
            floor = lower_hand(floor, seat)
        elif what in ("call", "release"):
            floor = call_on(floor, seat if what == "call" else None, moment)
        elif what == "leave":
            floor = without_seat(floor, seat)
        elif what in ("quiet", "loud"):
            floor = set_quiet(floor, what == "quiet")
            if floor.quiet:
                waiting.clear()
        else:
            floor = set_muted(floor, what == "mute")
        if what in ("lower", "call", "leave") and seat in waiting:
            waiting.remove(seat)
        assert order(floor) == waiting
        assert floor.called_on not in waiting
        assert (floor.called_on is None) is (floor.called_at is None)
        assert not (floor.muted and floor.called_on is None)
