"""A file cut into fragments: durations, gaps of time, what a kill costs."""

from __future__ import annotations

import pytest

from sync_classroom.relay.recording.depacketise import OPUS_SILENCE, VideoConfig
from sync_classroom.relay.recording.segment import MAX_GAPS, Segment
from tests.relay.recording.test_isobmff import config, picture
from tests.support.recordings import encoded, items

VP8 = VideoConfig("VP8", 320, 240)


def test_mp4_pictures_last_until_the_next_one() -> None:
    segment = Segment("01-camera-0001", 48000, config(), audio=False)
    data = segment.header
    for number, at_s in enumerate((1.0, 1.04, 1.3)):
        segment.picture(at_s, picture(number), key=number == 0)
    data += segment.cut()
    assert len(items(data)) == 2  # the last waits for its successor
    segment.picture(2.0, picture(3), key=False)
    data += segment.cut(end_s=2.5)
    found = items(data)
    assert [round(item.at_s, 3) for item in found] == [0.0, 0.04, 0.3, 1.0]
    assert [round(item.duration_s, 3) for item in found] == [0.04, 0.26, 0.7, 0.5]
    assert segment.info.name == "01-camera-0001.mp4"
    assert segment.info.duration_s == 1.5
    assert segment.info.pictures == 4


def test_webm_pictures_wait_for_nothing() -> None:
    segment = Segment("01-camera-0001", 0, VP8, audio=True)
    segment.picture(0.0, encoded("VP8")[0], key=True)
    segment.sound(0, OPUS_SILENCE, 960)
    data = segment.header + segment.cut()
    assert [item.kind for item in items(data)] == ["video", "audio"]
    assert segment.info.name == "01-camera-0001.webm"
    assert segment.cut() == b""


def test_webm_clusters_are_short_however_long_the_sound_was_away() -> None:
    segment = Segment("01-camera-0001", 0, VP8, audio=True)
    segment.picture(0.0, encoded("VP8")[0], key=True)
    segment.sound(48000 * 40, OPUS_SILENCE, 960)
    found = items(segment.header + segment.cut())
    assert [round(item.at_s, 3) for item in found] == [0.0, 40.0]


def test_pictures_never_stand_at_one_time() -> None:
    segment = Segment("x", 0, config(), audio=False)
    for number in range(3):
        segment.picture(0.5, picture(number), key=number == 0)
    found = items(segment.header + segment.cut(end_s=1.0))
    assert [round(item.at_s, 4) for item in found] == [0.5, 0.501, 0.502]


def test_nothing_makes_no_fragment() -> None:
    segment = Segment("x", 0, config(), audio=True)
    assert segment.empty
    assert segment.cut() == b""
    assert segment.cut(end_s=3.0) == b""


def test_gaps_are_named_up_to_a_bound_and_always_summed() -> None:
    info = Segment("x", 0, config(), audio=True).info
    for number in range(MAX_GAPS + 20):
        info.gap("video", number, number + 0.5)
    assert len(info.gaps) == MAX_GAPS
    assert info.gap_s == {"video": pytest.approx((MAX_GAPS + 20) / 2)}
