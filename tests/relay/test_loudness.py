"""How loud a voice is, from the levels of its packets."""

from __future__ import annotations

import pytest

from sync_classroom.relay.loudness import OFF_S, QUIETEST, Loudness


def spoken(level: int, seconds: float = 2.0) -> Loudness:
    voice = Loudness()
    for n in range(int(seconds * 50)):
        voice.heard(level, n / 50)
    return voice


@pytest.mark.parametrize("level", [0, 20, 45, 126])
def test_a_steady_voice_has_its_own_level(level: int) -> None:
    assert spoken(level).level(2.0) == pytest.approx(level, abs=1)


def test_the_flag_for_voice_counts_for_nothing() -> None:
    assert spoken(0x80 | 30).level(2.0) == pytest.approx(30, abs=1)


def test_silence_is_the_quietest_and_a_voice_that_is_off_has_no_level() -> None:
    assert Loudness().level(0.0) is None
    assert spoken(QUIETEST).level(2.0) == QUIETEST
    assert spoken(30).level(2.0 + OFF_S) is None


def test_half_a_second_of_speech_outweighs_what_was_before() -> None:
    voice = spoken(90)
    for n in range(25):
        voice.heard(25, 2 + n / 50)
    level = voice.level(2.5)
    assert level is not None
    assert 25 <= level <= 28


def test_whoever_comes_back_begins_anew() -> None:
    voice = spoken(10)
    voice.heard(60, 10.0)
    level = voice.level(10.0)
    assert level is not None
    assert level > 60
