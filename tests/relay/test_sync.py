from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync_classroom.relay.sync import RelayClock, SourceClock, TrackClock, WallClock


def test_ntp_counts_from_1900_and_ignores_wall_clock_steps() -> None:
    clock = RelayClock(1_700_000_000.0)
    assert clock.ntp(0.0) >> 32 == 1_700_000_000 + 2_208_988_800
    assert clock.ntp(1.5) - clock.ntp(0.0) == 3 << 31


def test_round_trip_is_what_the_receivers_delay_leaves() -> None:
    clock = RelayClock(1_700_000_000.0)
    lsr = (clock.ntp(10.0) >> 16) & 0xFFFFFFFF
    assert clock.round_trip_s(lsr, int(0.5 * 65536), 10.6) == pytest.approx(0.1, abs=1e-4)
    assert clock.round_trip_s(lsr, int(0.7 * 65536), 10.6) == 0.0
    assert clock.round_trip_s(0, 5, 10.6) is None
    assert clock.round_trip_s(lsr, 0, 200.0) is None


def test_instants_are_contiguous_and_follow_a_step() -> None:
    wall = WallClock()
    start = 1_700_000_000.0
    first = wall.at(100.0, now=100.0, wall_s=start)
    assert first == datetime.fromtimestamp(start, UTC)
    # Scheduling noise moves nothing.
    assert wall.at(110.0, now=110.0, wall_s=start + 10.1) == datetime.fromtimestamp(start + 10, UTC)
    # The wall clock is set back by an hour: lengths stay, instants follow.
    before = wall.at(110.0, now=120.0, wall_s=start + 20 - 3600)
    after = wall.at(120.0, now=120.0, wall_s=start + 20 - 3600)
    assert (after - before).total_seconds() == 10.0
    assert after == datetime.fromtimestamp(start + 20 - 3600, UTC)


def seconds(value: float) -> int:
    return int(value * 0x100000000)


def test_sound_and_picture_of_one_source_map_to_the_same_instant() -> None:
    source = SourceClock()
    audio, video = TrackClock(source, 48000), TrackClock(source, 90000)
    # Their clock reads 5000 when ours reads 100; the video's report is 40 ms late on the way.
    audio.sender_report(seconds(5000.0), 480_000, 100.0)
    video.sender_report(seconds(5000.5), 900_000, 100.54)
    at = 102.0
    assert audio.ticks_at(at) == 480_000 + 2 * 48000
    assert video.ticks_at(at) == 900_000 + int(1.5 * 90000)


def test_before_a_report_arrival_counts_and_afterwards_not() -> None:
    clock = TrackClock(SourceClock(), 90000)
    assert clock.ticks_at(1.0) is None
    clock.packet(1000, 1.0)
    assert clock.ticks_at(2.0) == 91000
    clock.sender_report(seconds(50.0), 0xFFFFFFFF, 2.0)
    clock.packet(5, 2.5)
    assert clock.ticks_at(3.0) == 89999
    clock.restart()
    assert clock.ticks_at(3.0) is None


def test_a_publisher_that_steps_its_clock_is_followed() -> None:
    source = SourceClock()
    audio, video = TrackClock(source, 48000), TrackClock(source, 90000)
    audio.sender_report(seconds(5000.0), 0, 100.0)
    video.sender_report(seconds(5000.0), 0, 100.0)
    audio.sender_report(seconds(8605.0), 5 * 48000, 105.0)
    video.sender_report(seconds(8605.0), 5 * 90000, 105.0)
    assert audio.ticks_at(106.0) == 6 * 48000
    assert video.ticks_at(106.0) == 6 * 90000


def test_an_anchor_is_on_our_clock_before_and_after_a_report() -> None:
    source = SourceClock()
    clock = TrackClock(source, 90000)
    assert clock.anchor is None
    clock.packet(1000, 5.0)
    assert clock.anchor == (5.0, 1000)
    clock.sender_report(700 << 32, 4000, 6.0)
    assert clock.anchor == (6.0, 4000)
    clock.sender_report(701 << 32, 94000, 7.25)  # late on the way: the offset stays
    assert clock.anchor == (7.0, 94000)
