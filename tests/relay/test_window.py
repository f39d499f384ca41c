from __future__ import annotations

from sync_classroom.relay.feed import Feed
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.session import Codec
from sync_classroom.relay.window import LOOK_S, Window

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
    assert window.take(5.0 + LOOK_S) == [voice]
    assert window.deadline_s == 5.0 + LOOK_S + LOOK_S
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
