from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from bench.relay.pattern import AUDIO, CAMERA, LOW, THUMBNAIL, VIDEO, Pattern, bursts


@pytest.mark.parametrize("pattern", [CAMERA, LOW, THUMBNAIL])
def test_bursts_of_a_minute_are_what_the_pattern_says(pattern: Pattern) -> None:
    minute = list(itertools.takewhile(lambda burst: burst.at_s < 60, bursts(pattern)))
    assert sum(burst.packets for burst in minute) == round(pattern.packets_per_s * 60)
    size = sum(burst.packets * burst.payload for burst in minute)
    assert size * 8 / 60_000 == pytest.approx(pattern.kbps)
    assert [burst.at_s for burst in minute] == sorted(burst.at_s for burst in minute)


def test_patterns_are_the_rates_that_the_aims_speak_of() -> None:
    assert 2450 < CAMERA.kbps < 2550
    assert 580 < LOW.kbps < 620
    assert THUMBNAIL.kbps < 150


def test_first_picture_is_a_keyframe_and_sound_has_its_own_clock() -> None:
    first = list(itertools.takewhile(lambda burst: burst.at_s < 0.05, bursts(CAMERA)))
    assert (first[0].kind, first[0].keyframe, first[0].packets) == (VIDEO, True, 40)
    assert [burst.timestamp for burst in first if burst.kind == AUDIO] == [0, 960, 1920]
    assert [burst.timestamp for burst in first if burst.kind == VIDEO] == [0, 3000]


def test_paced_packets_keep_their_distance_and_their_frames_time() -> None:
    paced = replace(CAMERA, spacing_s=0.0014, audio=False)
    minute = list(itertools.takewhile(lambda burst: burst.at_s < 60, bursts(paced)))
    assert len(minute) == pytest.approx(paced.packets_per_s * 60, rel=0.001)
    pairs = list(itertools.pairwise(minute))
    assert all(after.at_s - before.at_s > 0.00139 for before, after in pairs)
    # A keyframe of 40 takes longer than a frame's time: the next one waits, under its own time.
    assert [burst.timestamp for burst in minute[39:41]] == [0, 3000]
    assert minute[40].at_s == pytest.approx(40 * 0.0014)
    ends = [place for place, burst in enumerate(minute) if burst.last]
    assert ends[:2] == [39, 48]
    assert [burst.place for burst in minute[38:42]] == [38, 39, 0, 1]
