from __future__ import annotations

import pytest

from sync_classroom.relay.feed import Feed
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.session import Codec
from sync_classroom.relay.window import BUSY_FACTOR, BUSY_SHARE, IDLE_SHARE, LOOK_S, Window

VP8 = Codec("VP8", 96, 90000)
OPUS = Codec("opus", 111, 48000, 2)
LENGTH_S = 0.002


def arrive(window: Window, feed: Feed, *, marker: bool = False) -> None:
    feed.add(Packet(len(feed.pending), 0, marker, b"x", arrival_s=0.0))
    window.arrived(feed)


def test_sound_and_whole_frames_go_at_once_and_sound_first() -> None:
    window, voice, picture = Window(LENGTH_S), Feed("audio", OPUS), Feed("video", VP8)
    assert window.take(5.0) == []
    arrive(window, picture)
    arrive(window, picture, marker=True)
    arrive(window, voice)
    assert window.take(5.0) == [voice, picture]
    assert (window.open, window.deadline_s, window.take(5.0)) == (False, None, [])


def test_a_part_of_a_frame_waits_for_the_rest_and_nobody_waits_for_it() -> None:
    window, voice, picture = Window(LENGTH_S), Feed("audio", OPUS), Feed("video", VP8)
    arrive(window, picture)
    assert window.take(5.0) == []
    assert (window.open, window.deadline_s) == (True, 5.0 + LOOK_S)
    arrive(window, voice)
    assert window.take(5.0001) == [voice]  # something else woke us
    assert window.deadline_s == 5.0 + LOOK_S
    assert window.take(5.0 + LOOK_S) == []
    assert window.deadline_s == 5.0 + LENGTH_S  # one look has found nothing
    arrive(window, picture, marker=True)
    assert window.take(5.001) == [picture]
    assert not window.open


def test_a_frame_whose_end_does_not_come_goes_when_the_window_ends() -> None:
    window, picture, other = Window(LENGTH_S), Feed("video", VP8), Feed("video", VP8)
    arrive(window, picture)
    window.take(5.0)
    arrive(window, other)
    assert window.take(5.0018) == []
    assert window.deadline_s == 5.0 + LENGTH_S  # the last look is the window's end
    assert window.take(5.0 + LENGTH_S) == [picture, other]
    arrive(window, picture)
    assert window.take(5.003) == []  # the next one has a window of its own
    assert window.take(5.003 + LENGTH_S) == [picture]


def test_while_a_frame_takes_several_windows_there_is_no_look_before_their_end() -> None:
    window, picture = Window(LENGTH_S), Feed("video", VP8)
    arrive(window, picture)
    window.take(5.0)
    assert window.take(5.0 + LENGTH_S) == [picture]
    picture.take_batch()
    arrive(window, picture)
    assert window.take(5.1) == []
    assert window.deadline_s == 5.1 + LENGTH_S
    arrive(window, picture, marker=True)
    assert window.take(5.1 + LENGTH_S) == [picture]
    picture.take_batch()
    arrive(window, picture)  # the next frame may be quick again
    assert window.take(5.2) == []
    assert window.deadline_s == 5.2 + LOOK_S


def length_after(share: float, *, length_s: float = LENGTH_S, before: float = 0.0) -> float:
    """How long a window is once the loop has worked so much of its time, and `before` earlier."""
    window, picture = Window(length_s), Feed("video", VP8)
    for turn in range(200):
        begin_s = 5.0 + turn * 0.01
        window.worked(begin_s, begin_s + 0.01 * (before if turn < 100 else share))
    arrive(window, picture)
    assert window.take(8.0) == ([] if length_s else [picture])
    window.take(8.0 + LOOK_S)
    return (window.deadline_s or 8.0) - 8.0


def test_the_window_grows_with_the_share_of_its_time_that_the_loop_works() -> None:
    assert length_after(0.0) == pytest.approx(LENGTH_S)
    assert length_after(IDLE_SHARE) == pytest.approx(LENGTH_S)
    assert length_after(0.4) < length_after(0.6)
    assert length_after(BUSY_SHARE, before=0.1) == pytest.approx(BUSY_FACTOR * LENGTH_S, rel=0.02)
    assert length_after(1.0) == pytest.approx(BUSY_FACTOR * LENGTH_S)
    assert length_after(0.1, before=1.0) == pytest.approx(LENGTH_S)  # and is short again
    assert length_after(1.0, length_s=0.0) == 0.0  # none stays none


def test_without_a_window_everything_goes_at_once() -> None:
    window, picture = Window(0.0), Feed("video", VP8)
    arrive(window, picture)
    assert window.take(5.0) == [picture]
    assert not window.open


def test_a_feed_that_ends_or_begins_anew_holds_nobody_up() -> None:
    window, picture, other = Window(LENGTH_S), Feed("video", VP8), Feed("video", VP8)
    arrive(window, picture)
    arrive(window, other)
    window.take(5.0)
    window.forget(picture)
    other.restart(5.0)
    assert window.take(5.0001) == [other]
    assert other.take_batch() is None
    window.forget(other)
    assert window.deadline_s is None
